"""Mappings: platform record -> canonical records, as data, compiled once."""
