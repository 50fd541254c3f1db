"""Pull: accounts, windows and cursors, runs, landing, quarantine, replay."""
