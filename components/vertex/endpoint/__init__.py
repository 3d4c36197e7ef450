"""The push to a Vertex endpoint."""
