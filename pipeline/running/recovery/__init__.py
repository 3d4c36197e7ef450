"""What runs leave that were killed: found, and cleared away, while no other run uses the run folder."""
