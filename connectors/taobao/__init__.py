"""Taobao and Tmall through the open platform TOP (淘宝开放平台)."""
