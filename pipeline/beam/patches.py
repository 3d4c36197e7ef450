"""Replaces functions of Beam for the time of a run, after checking that the installed version has them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apache_beam


class UnknownBeam(Exception):
    """The installed Beam does not have the function that is replaced."""


@contextmanager
def replaced(owner: Any, name: str, replacement: Callable[..., Any], *, parameters: tuple[str, ...]) -> Iterator[None]:
    """While open, ``owner.name`` is ``replacement``.

    Args:
        owner: a class or module of Beam.
        name: a function or class in it.
        replacement: is called in its place.
        parameters: the names of the original's parameters.

    Raises:
        UnknownBeam: the original is missing, or has other parameters.
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
