"""What changed since the run before, and which nodes ran because of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.records import why
from pipeline.records.why import Change, Why
from pipeline.report.run import ReportedRun

_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What differs from the run before.

    Attributes:
        causes: what was given otherwise, such as ``Trainer: loop.epochs changed from 6 to 3``.
        ran: the nodes that ran because something changed, in order.
        reused: the nodes whose outputs came from the cache.
    """

    causes: tuple[str, ...]
    ran: tuple[str, ...]
    reused: tuple[str, ...]


def explained(run: ReportedRun) -> dict[str, Why]:
    """Why each node of the run ran or was reused, by node."""
    found = {node.node: why.explain(run.records, run.context, node.node) for node in run.record.nodes}
    return {node: reason for node, reason in found.items() if reason is not None}


def changes(reasons: dict[str, Why]) -> Changes:
    """What the reasons of all nodes come down to."""
    causes = list(dict.fromkeys(_causes(reasons)))
    more = [f"and {len(causes) - _SHOWN} more"] if len(causes) > _SHOWN else []
    return Changes(
        causes=(*causes[:_SHOWN], *more),
        ran=tuple(node for node, reason in reasons.items() if not reason.reused and reason.changes),
        reused=tuple(node for node, reason in reasons.items() if reason.reused),
    )


def _causes(reasons: dict[str, Why]) -> Iterator[str]:
    """The first causes: another artifact of a node that ran is a consequence."""
    for node, reason in reasons.items():
        if not reason.reused:
            yield from (f"{node}: {_words(change)}" for change in reason.changes if change.what != "input")


def _words(change: Change) -> str:
    """The change as people gave it: TFMA's config and the trainer's arguments are made from keys of ours."""
    if change.name.startswith("eval_config."):
        return "metrics, limits or slices changed"
    return change.words.replace("custom_config.parameters.", "trainer.")
