"""What is wrong with a run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.running.folder import scratch


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: what it is about, in one word, for programs.
        where: the file or folder.
        what: what is wrong, in one line.
        fix: what a repair does; or, without a repair, what a person has to do.
        repair: does it; None where only a person can.
    """

    kind: str
    where: str
    what: str
    fix: str
    repair: Callable[[], None] | None = None

    @classmethod
    def leftover(cls, path: Path) -> Problem:
        """A file or folder that nothing needs any more."""
        return cls(
            kind="leftover",
            where=str(path),
            what="was left by a run that did not finish",
            fix="remove it",
            repair=_Remove(path),
        )


@dataclass(frozen=True)
class _Remove:
    path: Path

    def __call__(self) -> None:
        scratch.remove(self.path)
