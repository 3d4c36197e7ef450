"""What the commands print: aligned columns, or one JSON document."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from components.messages import one_line


def add_json(parser: argparse.ArgumentParser) -> None:
    """The flag of every reading command."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")


def count(text: str) -> int:
    """The type of a flag: a whole number above 0."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number above 0")
    return int(text)


def print_json(document: Any) -> None:
    """Print a document; what is no number, such as NaN, becomes null."""
    print(json.dumps(plain(document), indent=2, ensure_ascii=False, default=str))


def columns(rows: Iterable[Sequence[str]], *, indent: str = "  ", gap: str = "  ") -> list[str]:
    """Aligned lines; the last cell of a row may be of any length."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    count = max((len(row) for row in rows), default=0)
    widths = [max((len(row[place]) for row in rows if place < len(row) - 1), default=0) for place in range(count)]
    return [
        (indent + gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))).rstrip()
        for row in rows
    ]


def when(time: datetime) -> str:
    """A time, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def took(seconds: float | None) -> str:
    """A duration; nothing if it is not known."""
    return "" if seconds is None else f"{seconds:.1f} s"


def size(count: float) -> str:
    """A number of bytes, to three digits."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def path(place: Path | str) -> str:
    """A path, relative to the working directory if it is below it."""
    place, here = Path(place), Path.cwd()
    return str(place.relative_to(here) if place.is_relative_to(here) else place)


def plain(value: Any) -> Any:
    """A document that JSON can hold: what is no number, such as NaN, is null."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
