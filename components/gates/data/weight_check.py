"""What the statistics say about the example weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from components.gates.data.label_check import NUMERIC, Problem, Statistics, split_statistics


def weight_anomalies(statistics: str, *, splits: Sequence[str], column: str) -> Iterator[tuple[str, frozenset[str]]]:
    """What is wrong with the example weights: one text per problem, with the allow-list entries that accept it.

    Args:
        statistics: folder of an ExampleStatistics artifact.
        splits: names of the splits to check.
        column: the column that holds the weights.
    """
    for split in splits:
        rows, features = split_statistics(statistics, split)
        for reason, text in _problems(features.get(column), rows):
            yield f"{split}/{column}: the example weight {text} ({reason})", frozenset({column, f"{column}:{reason}"})


def _problems(feature: Statistics | None, rows: int) -> Iterator[Problem]:
    if feature is None:
        yield "WEIGHT_MISSING", f"is missing in all {rows:,} rows; drop example_weight, or correct its column"
        return
    if feature.type not in NUMERIC:
        first = next((bucket.label for bucket in feature.string_stats.rank_histogram.buckets), "")
        yield "WEIGHT_NOT_NUMERIC", f"is text, such as {first!r}; write it as a number"
        return
    numbers = feature.num_stats
    nan = sum(int(histogram.num_nan) for histogram in numbers.histograms[:1])
    if nan:
        yield (
            "WEIGHT_NOT_FINITE",
            f"is NaN in {nan:,} of {rows:,} rows ({nan / rows:.1%}); leave the cells empty to mean 1",
        )
    elif math.isinf(numbers.min) or math.isinf(numbers.max):
        yield "WEIGHT_NOT_FINITE", "is infinite in a row; write a number"
    elif numbers.min < 0:
        yield "WEIGHT_NEGATIVE", f"is as small as {numbers.min:g}; a weight is 0 or more"
    elif numbers.max == 0:
        yield "WEIGHT_ZERO", f"is 0 in all {rows:,} rows, so that nothing is learnt"
