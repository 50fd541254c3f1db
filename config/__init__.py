"""Settings, typed, from environment and file."""
