"""How fast the embedded server is, compared with other servers of the same model."""
