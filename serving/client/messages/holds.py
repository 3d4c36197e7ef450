"""What a column holds in the file, as the exporter writes it into the name of an input's first dimension."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

# A kind, and the format of a date in JSON's quotes, such as ``date "%B %d, %Y", category, required``.
_ENTRY = re.compile(r'([^\s,"]+)(?: ("(?:[^"\\]|\\.)*"))?(?:, |$)')
_DATE = "date"
_REQUIRED = "required"


@dataclass(frozen=True)
class Holds:
    """What a column holds.

    Attributes:
        kinds: such as ``date``; empty if that is not known.
        date_format: how it writes dates, in the words of strptime, and ``%s`` for seconds since 1970; None for ISO
            text, and in exports that do not tell it.
        required: whether the model refuses a row without it.
    """

    kinds: tuple[str, ...] = ()
    date_format: str | None = None
    required: bool = False

    @property
    def dates(self) -> bool:
        """Whether it is read as dates."""
        return _DATE in self.kinds


ANYTHING = Holds()


def parse(text: str) -> Holds:
    """What a dimension's name says."""
    entries = _ENTRY.findall(text)
    formats = (json.loads(given) for kind, given in entries if kind == _DATE and given)
    kinds = dict.fromkeys(kind for kind, _ in entries)
    return Holds(
        kinds=tuple(kind for kind in kinds if kind != _REQUIRED),
        date_format=next(formats, None),
        required=_REQUIRED in kinds,
    )
