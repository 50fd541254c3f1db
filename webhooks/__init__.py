"""Webhooks: one route for all platforms, durable before answered."""
