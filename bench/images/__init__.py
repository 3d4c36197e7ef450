"""How long a training of pictures waits for its input."""
