"""企业微信 WeCom: staff, customers, corp tags, and the events that announce their changes."""
