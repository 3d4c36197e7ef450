"""The types of the columns, which must be those of the served model's data.

The served model has to answer about the new data once more, as the baseline of the evaluation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from tfx.dsl.io import fileio

from components.gates.data.label_check import Statistics, split_statistics
from components.gates.findings import Finding, finding

_KINDS: Mapping[int, str] = {Statistics.INT: "integers", Statistics.FLOAT: "numbers with fractions"}


def type_findings(
    statistics: str, served: str | None, *, splits: Sequence[str], columns: Collection[str] | None
) -> Iterator[Finding]:
    """Which columns have another type than in the data that the served model was trained on.

    Args:
        statistics: folder of an ExampleStatistics artifact.
        served: the same of the data that the served model was trained on; None if there is none.
        splits: names of the splits to compare, each with its namesake.
        columns: the columns that the model reads; None if it reads all.
    """
    for split in splits if served else ():
        before = _types(f"{served}", split)
        for name, kind in _types(statistics, split).items():
            if (columns is None or name in columns) and before.get(name, kind) != kind:
                text = (
                    f"holds {_words(kind)}, but {_words(before[name])} in the data of the served model, which cannot "
                    "be compared on them; correct it, or start over with gates.evaluation.baseline=none"
                )
                yield finding(split, name, "TYPE_CHANGED", text)


def _types(statistics: str, split: str) -> dict[str, int]:
    """The types of the columns that have values, INT, FLOAT or STRING."""
    if not fileio.exists(f"{statistics}/Split-{split}/FeatureStats.pb"):
        return {}
    found = {}
    for name, feature in split_statistics(statistics, split)[1].items():
        stats = feature.num_stats if feature.type in _KINDS else feature.string_stats
        if stats.common_stats.tot_num_values:
            found[name] = feature.type if feature.type in _KINDS else Statistics.STRING
    return found


def _words(kind: int) -> str:
    return _KINDS.get(kind, "text")
