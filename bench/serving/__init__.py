"""How fast the embedded server is, against other servers of the same model."""
