"""Replaces functions of Beam, TFDV, TFT and TFX for a run, after checking that the installed versions have them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any


class UnknownPackage(Exception):
    """The installed package does not have the function that is replaced."""


@contextmanager
def replaced(owner: Any, name: str, replacement: Callable[..., Any], *, parameters: tuple[str, ...]) -> Iterator[None]:
    """While open, ``owner.name`` is ``replacement``.

    Args:
        owner: a class or module of the package.
        name: a function or class in it.
        replacement: is called in its place.
        parameters: the names of the original's parameters.

    Raises:
        UnknownPackage: the original is missing, or has other parameters.
    """
    original = vars(owner).get(name)
    found = tuple(inspect.signature(original).parameters) if callable(original) else None
    if found != parameters:
        what = f"{owner.__name__}.{name}"
        raise UnknownPackage(
            f"{_distribution(owner)}: {what} takes {_shown(found)}, and this project was written for "
            f"{_shown(parameters)}; install the version in requirements.lock, or adapt the code that replaces it."
        )
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _distribution(owner: Any) -> str:
    package = (owner.__name__ if inspect.ismodule(owner) else owner.__module__).partition(".")[0]
    [name, *_] = metadata.packages_distributions().get(package, [package])
    return f"{name} {metadata.version(name)}"


def _shown(parameters: tuple[str, ...] | None) -> str:
    return "nothing: it is missing" if parameters is None else f"({', '.join(parameters)})"
