"""The run folder: its lock, its temporary files, and what a full disk says."""
