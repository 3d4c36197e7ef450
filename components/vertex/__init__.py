"""Vertex AI: training as a custom job, and the service's API."""
