"""What the runner tells whoever watches: how nodes end, and why a run does. No TFX here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The custom property of an execution in ML Metadata that says why it failed.
REASON_PROPERTY = "reason"


class NodeFailed(Exception):
    """A node ended the run.

    Attributes:
        node: its id.
        reason: one line.
        refused: True where a gate said no, False where something broke.
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
