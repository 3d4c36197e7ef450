"""Tells a webhook that a gate refused. A failure of the webhook is said, and changes nothing else."""

from __future__ import annotations

import json
import os
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.config.operate.notify import SCHEMES, VARIABLE

_SECONDS = 5.0


def notice(*, pipeline: str, gate: str, reason: str, run: str) -> dict[str, str]:
    """What the webhook gets; ``text`` is what chat systems show."""
    return {
        "pipeline": pipeline,
        "gate": gate,
        "reason": reason,
        "run": run,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "text": f"{pipeline}: {gate} refused: {reason}",
    }


def send(url: str, content: Mapping[str, str], *, seconds: float = _SECONDS) -> str | None:
    """Send a notice.

    Args:
        url: with ``${NAME}`` for environment variables; no message has any other part of it.
        content: the notice.
        seconds: limit for all of it; a server that answers byte by byte would outlast one for each read.

    Returns:
        Why it did not arrive, in words; None if it did.
    """
    missing = [name for name in VARIABLE.findall(url) if not os.environ.get(name)]
    if missing:
        return f"the environment variable {missing[0]} is not set"
    whole = VARIABLE.sub(lambda found: os.environ[found[1]], url)
    if not whole.startswith(SCHEMES):
        return "with its variables it begins with neither http:// nor https://"
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(_post(whole, content, seconds)), daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return f"no answer within {seconds:g} s"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the notice."""

    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        """Follow none."""


def _post(url: str, content: Mapping[str, str], seconds: float) -> str | None:
    try:
        request = urllib.request.Request(
            url, data=json.dumps(content).encode(), headers={"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except Exception as error:
        # Messages of other errors hold the URL, or parts of it.
        cause = getattr(error, "reason", None)
        return type(cause if isinstance(cause, Exception) else error).__name__
