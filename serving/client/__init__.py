"""The thin client: ``from serving.client import Client``."""

from serving.client.client import Client, ServingError

__all__ = ["Client", "ServingError"]
