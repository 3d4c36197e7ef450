"""A local Vertex AI that the service's own client talks to."""

from tests.components.vertex.conftest import service

__all__ = ["service"]
