"""Changes that the config accepts until a day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from components.gates.data.drift.by_default import Excess
from components.gates.data.drift.limits import Accepted
from components.gates.findings import Finding, notice


def without_accepted(changes: Iterable[Excess], exceptions: Iterable[Accepted], *, today: date) -> Iterator[Finding]:
    """The findings of the changes that nothing accepts, and a notice for each exception in force.

    Args:
        changes: what was found.
        exceptions: the config's; of those in force, each says so, whether it is needed or not.
        today: the day of the run.
    """
    accepted: dict[Accepted, list[str]] = {each: [] for each in exceptions if each.holds(today)}
    for change in changes:
        texts = next(
            (texts for each, texts in accepted.items() if (each.column, each.check) == (change.column, change.check)),
            None,
        )
        if texts is None:
            yield change.finding
        else:
            texts.append(change.finding.text)
    for each, texts in accepted.items():
        what = "; ".join(texts) or f"{each.column}: nothing to accept by {each.check}"
        yield notice(f"{what}; accepted until {each.until}: {each.reason}")
