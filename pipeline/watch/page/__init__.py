"""The page of the watch: one self-contained HTML file."""
