"""The types of keys that several sections share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def _identifier(name: str) -> str:
    if not name.replace("-", "_").isidentifier():
        raise ValueError(f"{name!r} may contain only letters, digits, '-' and '_', and may not start with a digit")
    return name


Name = Annotated[str, AfterValidator(_identifier)]
