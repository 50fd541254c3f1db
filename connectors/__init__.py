"""Connectors: one folder per platform, the contract they fulfil, and the door they speak through."""
