"""What ``--data`` names, how it is to be read, and what its columns hold."""
