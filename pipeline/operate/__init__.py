"""The commands for after a run."""
