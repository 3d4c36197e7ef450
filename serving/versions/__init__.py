"""Which versions there are on disk, and which one answers."""
