"""What the statistics say about the label: whether it is there, a number, and both 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio

from trainer.parameters import Label

Statistics = statistics_pb2.FeatureNameStatistics
_NUMERIC = {Statistics.INT, Statistics.FLOAT}


def label_anomalies(uri: str, *, splits: Sequence[str], label: Label) -> Iterator[tuple[str, frozenset[str]]]:
    """What is wrong with the label, each text with the allow-list entries that admit it.

    Args:
        uri: an ExampleStatistics artifact's folder.
        splits: the splits to look at.
        label: a column of 0 and 1, or two columns to be compared.
    """
    columns = [label.column, *([label.above.column] if label.above else [])]
    for split in splits:
        with fileio.open(f"{uri}/Split-{split}/FeatureStats.pb", "rb") as file:
            [dataset] = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read()).datasets
        features = {feature.path.step[0]: feature for feature in dataset.features}
        for column in columns:
            for reason, text in _problems(features.get(column), rows=int(dataset.num_examples), both=not label.above):
                yield f"{split}/{column}: the label {text} ({reason})", frozenset({column, f"{column}:{reason}"})


def _problems(feature: Statistics | None, *, rows: int, both: bool) -> Iterator[tuple[str, str]]:
    if feature is None:
        yield "LABEL_MISSING", f"is missing in all of {rows} rows"
        return
    if feature.type not in _NUMERIC:
        yield "LABEL_NOT_NUMERIC", "is not a number; write it as 0 and 1"
        return
    numbers = feature.num_stats
    # Not num_non_missing, which counts features that are there without a value.
    missing = rows - int(numbers.common_stats.tot_num_values)
    if missing:
        yield "LABEL_MISSING", f"is missing in {missing} of {rows} rows, which would count as 0"
    if both and (numbers.min < 0 or numbers.max > 1):
        yield "LABEL_NOT_BINARY", f"goes from {numbers.min:g} to {numbers.max:g}; write it as 0 and 1"
    elif both and numbers.min == numbers.max:
        yield "LABEL_CONSTANT", f"is {numbers.min:g} in every row"
