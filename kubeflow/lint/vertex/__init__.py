"""Rules that hold on Vertex AI alone."""
