"""What the runner reports: how nodes end, and why a run ends. It imports no TFX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The custom property of an execution in ML Metadata that says why it failed.
REASON_PROPERTY = "reason"
# Of an execution that failed: 1 if a gate refused, 0 if the node broke.
REFUSED_PROPERTY = "refused"
# Of an execution that could not be reused: why the cache was not asked.
UNCACHED_PROPERTY = "uncached"
NEVER_CACHED, CACHE_OFF = "never", "off"


class NodeFailed(Exception):
    """A node ended the run.

    Attributes:
        node: the node's ID.
        reason: the reason, in one line.
        refused: True if a gate refused, False if the node failed.
    """

    def __init__(self, *, node: str, reason: str, refused: bool):
        super().__init__(f"{node}: {reason}")
        self.node = node
        self.reason = reason
        self.refused = refused


@dataclass(frozen=True, kw_only=True)
class NodeEnd:
    """How a node ended, after so many seconds."""

    node: str
    state: Literal["done", "cached", "not run", "failed", "refused"]
    seconds: float = 0.0
    reason: str = ""
