"""Changes of Beam's own functions for the time of a run, each checked against the installed version first."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apache_beam


class UnknownBeam(Exception):
    """The installed Beam is not the one that a change was made for."""


@contextmanager
def replaced(owner: Any, name: str, replacement: Callable[..., Any], *, parameters: tuple[str, ...]) -> Iterator[None]:
    """While open, ``owner.name`` is ``replacement``.

    Args:
        owner: a class or module of Beam.
        name: of one of its functions or classes.
        replacement: called in its place.
        parameters: names of the parameters that the original is known to have.

    Raises:
        UnknownBeam: it is missing, or has other parameters.
    """
    original = vars(owner).get(name)
    found = tuple(inspect.signature(original).parameters) if callable(original) else None
    if found != parameters:
        what = f"{owner.__name__}.{name}"
        raise UnknownBeam(
            f"Beam {apache_beam.__version__}: {what} takes {_shown(found)}, and pipeline/beam was written for "
            f"{_shown(parameters)}; install the version in requirements.lock, or adapt pipeline/beam."
        )
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _shown(parameters: tuple[str, ...] | None) -> str:
    return "nothing: it is missing" if parameters is None else f"({', '.join(parameters)})"
