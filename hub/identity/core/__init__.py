"""Deciding, without any database: features, keys, evidence in bits, groups. Records in, a `Change` out."""
