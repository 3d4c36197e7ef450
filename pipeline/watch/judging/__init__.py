"""From the state to figures of each window, and from these to a verdict."""
