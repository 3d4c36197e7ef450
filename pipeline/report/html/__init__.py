"""What every page is built from: its frame, its plots and their JavaScript."""
