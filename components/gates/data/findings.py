"""What a gate finds in the data: faults, and what is only worth knowing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter
from tfx.dsl.io import fileio

# Inside the gate's output.
_FILE = "notices.json"
_TEXTS = TypeAdapter(tuple[str, ...])


class Finding(NamedTuple):
    """Something about a column.

    Attributes:
        text: in words, with the split, the column and the reason.
        names: the entries of ``gates.data.allow`` that accept it.
        refuses: whether it is a fault, or only worth knowing.
    """

    text: str
    names: frozenset[str]
    refuses: bool = True


def finding(split: str, column: str, reason: str, text: str, *, refuses: bool = True) -> Finding:
    """A finding about one column of one split, in the form of all refusals."""
    return Finding(f"{split}/{column}: {text} ({reason})", frozenset({column, f"{column}:{reason}"}), refuses)


def write_notices(uri: str, texts: Iterable[str]) -> None:
    """Keep what is worth knowing with the gate's output."""
    fileio.makedirs(uri)
    with fileio.open(f"{uri}/{_FILE}", "wb") as file:
        file.write(_TEXTS.dump_json(tuple(texts)))


def read_notices(uri: str) -> tuple[str, ...]:
    """What `write_notices` kept."""
    return _TEXTS.validate_json(Path(uri, _FILE).read_bytes())
