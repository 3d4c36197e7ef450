"""What a rule reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kubeflow.ir.pipeline_spec import CompiledPipeline
from pipeline.config.config import Config


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One thing that would fail, in one line: where it is, what is wrong, what to do.

    Attributes:
        where: node id with the part of its task or executor, or key of the profile.
        what: the problem.
        fix: the remedy.
    """

    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}."


Rule = Callable[[CompiledPipeline, Config], Iterable[Violation]]


def one_of(names: Iterable[str]) -> str:
    """The end of a fix that names the possible values."""
    known = sorted(names)
    return f"there is {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}" if known else "there is none"
