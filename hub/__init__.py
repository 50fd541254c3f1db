"""The core of the hub; it knows no platform by name."""
