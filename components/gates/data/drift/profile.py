"""What of a split is compared besides its statistics: rows, repeated rows and the label; kept with the output."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import TypeAdapter
from tfx.dsl.io import fileio

from components.example_gen.rows.counts import RowCounts
from components.gates.data.label_check import NUMERIC, Statistics, split_statistics
from components.gates.data.label_rows import LabelRows
from trainer.labels.config import Label
from trainer.options import Strict

_FILE = "profile.json"


class LabelSeen(Strict):
    """The labels of a split.

    Attributes:
        classes: rows by class id; empty for a regression.
        mean: of a regression's labels.
        deviation: their standard deviation.
    """

    classes: tuple[float, ...] = ()
    mean: float = 0.0
    deviation: float = 0.0


class Profile(Strict):
    """A split.

    Attributes:
        rows: int, its rows.
        distinct: int, its different rows; None if they were not counted.
        label: its labels; None if they cannot be read.
    """

    rows: int
    distinct: int | None = None
    label: LabelSeen | None = None


_PROFILES = TypeAdapter(dict[str, Profile])


class Side(NamedTuple):
    """A split as it is compared.

    Attributes:
        profile: rows, repeated rows and label.
        counted: int, the rows that the statistics describe; fewer than all where a sample stands for them.
        features: the statistics of each column.
    """

    profile: Profile
    counted: int
    features: Mapping[str, Statistics]


def sides(
    statistics: str, examples: str, *, splits: Iterable[str], label: Label, labels: LabelRows | None
) -> dict[str, Side]:
    """The splits of this run.

    Args:
        statistics: folder of an ExampleStatistics artifact.
        examples: folder of the Examples artifact that they describe.
        splits: names of the splits.
        label: the label.
        labels: reads the label from the examples; None if it cannot be read.
    """
    counts = RowCounts.load(examples)
    found = {}
    for split in splits:
        rows, features = split_statistics(statistics, split)
        if rows:
            distinct = counts.distinct.get(split) if counts else None
            seen = label_seen(label, features, rows, labels, split) if labels else None
            profile = Profile(rows=rows, distinct=distinct, label=seen)
            found[split] = Side(profile, rows, features)
    return found


def label_seen(
    label: Label, features: Mapping[str, Statistics], rows: int, labels: LabelRows, split: str
) -> LabelSeen | None:
    """The labels of a split, from the statistics where they tell; None if a column is missing or a value unknown."""
    if any(column not in features for column in label.columns):
        return None
    feature = features[label.column]
    numbers = feature.num_stats
    if label.task == "regression":
        known = feature.type in NUMERIC and math.isfinite(numbers.mean) and math.isfinite(numbers.std_dev)
        return LabelSeen(mean=numbers.mean, deviation=numbers.std_dev) if known else None
    if label.task == "binary" and label.above is None and not label.class_values() and feature.type in NUMERIC:
        return LabelSeen(classes=(rows * (1 - numbers.mean), rows * numbers.mean))
    found = labels.of(split, features)
    if found.unknown is not None or not found.rows:
        return None
    return LabelSeen(classes=tuple(found.classes[index] for index in range(len(label.class_names()))))


def write(uri: str, profiles: Mapping[str, Profile]) -> None:
    """Keep them for the runs that will be compared with this one."""
    fileio.makedirs(uri)
    with fileio.open(f"{uri}/{_FILE}", "wb") as file:
        file.write(_PROFILES.dump_json(dict(profiles)))


def read(uri: str) -> dict[str, Profile]:
    """What `write` kept; nothing if an older release wrote no such file."""
    if not fileio.exists(f"{uri}/{_FILE}"):
        return {}
    with fileio.open(f"{uri}/{_FILE}", "rb") as file:
        return _PROFILES.validate_json(file.read())


def is_kept(uri: str) -> bool:
    """Whether the folder is a gate's output that holds profiles."""
    return bool(fileio.exists(f"{uri}/{_FILE}"))


def class_shares(seen: LabelSeen) -> Sequence[float]:
    """The share of each class."""
    total = sum(seen.classes)
    return [count / total for count in seen.classes] if total else []
