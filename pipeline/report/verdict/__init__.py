"""What the first section is made of: the limits, and what changed since the run before."""
