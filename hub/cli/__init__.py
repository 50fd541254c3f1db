"""The ``hub`` command. Each command takes ``--json`` and reads the same settings as the server."""

from hub.cli.main import main

__all__ = ["main"]
