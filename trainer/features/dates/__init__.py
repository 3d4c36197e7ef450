"""Dates: how they are written, and what the graph makes of them."""
