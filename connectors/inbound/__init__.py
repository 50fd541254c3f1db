"""Inbound: any system pushes its customers, leads, orders and deals as signed JSON."""
