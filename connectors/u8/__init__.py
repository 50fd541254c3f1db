"""用友 U8 / U8+, through its cloud OpenAPI."""
