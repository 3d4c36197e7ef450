"""What a gate finds: faults, and what is only worth knowing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter
from tfx.dsl.io import fileio

# Instead of a column, where all of a split is meant; as TFDV's anomalies have it.
DATASET = "dataset"
_SHOWN = 3
# Letters, without the node's name, signs between the texts, and the number of more faults.
_LINE = 250
# Inside the gate's output.
_FILE = "notices.json"
_TEXTS = TypeAdapter(tuple[str, ...])


class Finding(NamedTuple):
    """Something about the data or a candidate.

    Attributes:
        text: in words, one line; of a column with the split, the column and the reason.
        names: the entries of ``gates.data.allow`` that accept it.
        refuses: whether it is a fault, or only worth knowing.
        way_out: what accepts it, to follow all that is refused.
    """

    text: str
    names: frozenset[str] = frozenset()
    refuses: bool = True
    way_out: str = ""


def finding(split: str, column: str, reason: str, text: str, *, refuses: bool = True, way_out: str = "") -> Finding:
    """A finding about one column of one split, in the form of all refusals."""
    names = frozenset({column, f"{column}:{reason}"})
    return Finding(f"{split}/{column}: {text} ({reason})", names, refuses, way_out)


def notice(text: str) -> Finding:
    """What is only worth knowing, and cannot be made a fault."""
    return Finding(text, refuses=False)


def refusal(found: Sequence[Finding]) -> str:
    """The first faults in one line that stays short, how many more there are, and what accepts them."""
    texts = list(dict.fromkeys(each.text for each in found))
    ways = " or ".join(dict.fromkeys(each.way_out for each in found[:1] if each.way_out))
    shown = texts[:1]
    for text in texts[1:_SHOWN]:
        if sum(map(len, [*shown, text, ways])) > _LINE:
            break
        shown.append(text)
    others = f" (and {len(texts) - len(shown)} more)" if len(texts) > len(shown) else ""
    return "; ".join(shown) + others + (f"; {ways}" if ways else "")


def write_notices(uri: str, texts: Iterable[str]) -> None:
    """Keep what is worth knowing with the gate's output."""
    fileio.makedirs(uri)
    with fileio.open(f"{uri}/{_FILE}", "wb") as file:
        file.write(_TEXTS.dump_json(tuple(texts)))


def read_notices(uri: str) -> tuple[str, ...]:
    """What `write_notices` kept."""
    return _TEXTS.validate_json(Path(uri, _FILE).read_bytes())
