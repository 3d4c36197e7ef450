"""Takes optional parts out of a copy of the tree, as docs/parts.md says."""
