"""企业微信会话内容存档 (WeCom chat archive)."""
