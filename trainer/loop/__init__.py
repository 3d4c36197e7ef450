"""The training loop: the controller around the compiled step."""
