"""Layers that several networks share, and those of an ensemble; written for a step that XLA compiles."""
