"""Key ring, audit chain, redaction."""
