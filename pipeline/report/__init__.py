"""What a run found, as a summary in the terminal and as a page."""
