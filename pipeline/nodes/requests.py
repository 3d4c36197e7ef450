"""Where the requests to the served model are logged, for the gates."""

from __future__ import annotations

from components.gates.data.drift.requests import RequestLimits
from pipeline.config.config import Config


def logged_requests(config: Config) -> str:
    """A `components.gates.data.drift.requests.Requests` as JSON; empty if the config names no folder."""
    folder = config.gates.data.requests
    return RequestLimits(folder=str(folder), model=config.serving.model_name).model_dump_json() if folder else ""
