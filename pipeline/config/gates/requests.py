"""The requests with which the data are compared."""

from __future__ import annotations

from pathlib import Path

from trainer.parameters import Strict


class WithRequests(Strict):
    """A gate that knows the requests.

    Attributes:
        requests: the server's ``--request_log_folder``, with whose newest requests the data are compared; None compares
            with no requests.
    """

    requests: Path | None = None
