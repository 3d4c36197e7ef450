"""The versions of a model on disk, and the labels that say which one answers."""
