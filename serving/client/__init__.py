"""The thin client: ``from serving.client import Client``."""

from serving.client.aio import AsyncClient
from serving.client.client import Client
from serving.client.connection import Connection, Retry, Tls
from serving.client.errors import (
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    Overloaded,
    Refused,
    ServingError,
    Unavailable,
)
from serving.client.messages.examples import features_of_schema

__all__ = [
    "AsyncClient",
    "Client",
    "Connection",
    "DeadlineExceeded",
    "InvalidRequest",
    "NotFound",
    "Overloaded",
    "Refused",
    "Retry",
    "ServingError",
    "Tls",
    "Unavailable",
    "features_of_schema",
]
