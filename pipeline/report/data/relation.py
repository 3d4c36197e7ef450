"""How the label changes with a column: its mean, or the share of each class, in bins of the column's values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_BINS = 8
_TEXTS = 7
OTHER, MISSING = "other", "missing"


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Some rows with similar values.

    Attributes:
        words: the values.
        rows: how many.
        means: of the label, or of each class's one-hot column, `[columns of labels]`.
    """

    words: str
    rows: int
    means: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Relation:
    """How the label changes with a column.

    Attributes:
        bins: in the order of the values, or of how often they occur.
        explained: the share of the label's variance that lies between the bins, less what chance would give; 0 to 1.
    """

    bins: tuple[Bin, ...]
    explained: float


def relation(values: Sequence[object], labels: np.ndarray) -> Relation | None:
    """The relation of a column to the label; None where its values are lists, or all the same.

    Args:
        values: of the rows; None is missing.
        labels: float `[rows, columns]`, a number each, or one-hot.
    """
    if any(isinstance(value, (list, tuple)) for value in values):
        return None
    bins = _bins(values)
    if len(set(bins)) < 2:
        return None
    order = sorted(set(bins), key=lambda one: (one[0], one[1]))
    places = np.array([order.index(one) for one in bins])
    counts = np.bincount(places, minlength=len(order))
    means = np.stack([labels[places == place].mean(axis=0) for place in range(len(order))])
    total = float(((labels - labels.mean(axis=0)) ** 2).sum())
    between = float((counts[:, None] * (means - labels.mean(axis=0)) ** 2).sum())
    share = between / total if total else 0.0
    # So much a column of no meaning would explain.
    chance = (len(order) - 1) / max(len(labels) - 1, 1)
    return Relation(
        bins=tuple(
            Bin(words=one[1], rows=int(count), means=tuple(map(float, mean)))
            for one, count, mean in zip(order, counts, means, strict=True)
        ),
        explained=max((share - chance) / (1 - chance), 0.0) if chance < 1 else 0.0,
    )


def _bins(values: Sequence[object]) -> list[tuple[float, str]]:
    """The bin of each row: a number to sort by, and what it is called."""
    present = [value for value in values if not _missing(value)]
    if all(isinstance(value, (int, float)) for value in present):
        return _of_numbers(values, np.array(present, np.float64))
    names = [_text(value) for value in values]
    counted = Counter(name for name, value in zip(names, values, strict=True) if not _missing(value))
    ranks = {name: float(rank) for rank, (name, _) in enumerate(counted.most_common(_TEXTS))}
    return [
        (math.inf, MISSING)
        if _missing(value)
        else (ranks[name], name[:40] or "(empty)")
        if name in ranks
        else (float(_TEXTS), OTHER)
        for name, value in zip(names, values, strict=True)
    ]


def _of_numbers(values: Sequence[object], present: np.ndarray) -> list[tuple[float, str]]:
    distinct = np.unique(present)
    if len(distinct) <= _BINS:
        return [(math.inf, MISSING) if _missing(value) else (float(value), f"{value:.6g}") for value in values]  # type: ignore[arg-type]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1)))
    # As many digits as tell the edges apart.
    named = next(
        names for digits in range(3, 18) if len({*(names := [f"{edge:.{digits}g}" for edge in edges])}) == len(edges)
    )
    found = []
    for value in values:
        if _missing(value):
            found.append((math.inf, MISSING))
            continue
        place = min(int(np.searchsorted(edges, value, side="right")) - 1, len(edges) - 2)  # type: ignore[arg-type]
        found.append((float(edges[place]), f"{named[place]} to {named[place + 1]}"))
    return found


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
