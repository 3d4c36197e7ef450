"""Which rows are kept, and which split each goes to."""
