"""User modules with the faults that gates are there for."""
