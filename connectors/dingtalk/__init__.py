"""钉钉 DingTalk."""
