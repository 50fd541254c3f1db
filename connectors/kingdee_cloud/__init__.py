"""金蝶云星辰 (formerly 精斗云), Kingdee's accounting for small firms: sales orders and outbound notes."""
