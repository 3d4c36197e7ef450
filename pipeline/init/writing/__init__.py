"""What init writes and prints."""
