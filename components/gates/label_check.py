"""What the statistics say about the label: whether it is present and whether its task can be learnt from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio

from trainer.parameters import Label

Statistics = statistics_pb2.FeatureNameStatistics
_NUMERIC = {Statistics.INT, Statistics.FLOAT}
# A reason and its text.
Problem = tuple[str, str]


def label_anomalies(uri: str, *, splits: Sequence[str], label: Label) -> Iterator[tuple[str, frozenset[str]]]:
    """What is wrong with the label: one text per problem, with the allow-list entries that accept it.

    Args:
        uri: folder of an ExampleStatistics artifact.
        splits: names of the splits to check.
        label: the label, of any task.
    """
    columns = [label.column, *([label.above.column] if label.above else [])]
    for split in splits:
        with fileio.open(f"{uri}/Split-{split}/FeatureStats.pb", "rb") as file:
            [dataset] = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read()).datasets
        features = {feature.path.step[0]: feature for feature in dataset.features}
        for column in columns:
            for reason, text in _problems(features.get(column), rows=int(dataset.num_examples), label=label):
                yield f"{split}/{column}: the label {text} ({reason})", frozenset({column, f"{column}:{reason}"})


def _problems(feature: Statistics | None, *, rows: int, label: Label) -> Iterator[Problem]:
    if feature is None:
        yield "LABEL_MISSING", f"is missing in all {rows} rows"
    elif isinstance(label.classes, tuple):
        yield from _named_class_problems(feature, rows=rows, classes=label.classes)
    else:
        yield from _number_problems(feature, rows=rows, label=label)


def _number_problems(feature: Statistics, *, rows: int, label: Label) -> Iterator[Problem]:
    if feature.type not in _NUMERIC:
        yield "LABEL_NOT_NUMERIC", f"is not a number; {_advice(label)}"
        return
    numbers = feature.num_stats
    yield from _missing(numbers.common_stats, rows=rows, counted_as="0")
    nan = sum(int(histogram.num_nan) for histogram in numbers.histograms[:1])
    if nan or math.isinf(numbers.min) or math.isinf(numbers.max):
        yield "LABEL_NOT_FINITE", "has NaN or infinite values, from which no model can learn"
    span = f"ranges from {numbers.min:g} to {numbers.max:g}"
    if label.above is not None:
        return
    if label.task == "binary" and (numbers.min < 0 or numbers.max > 1):
        yield "LABEL_NOT_BINARY", f"{span}; write it as 0 and 1"
    elif label.task == "multiclass" and feature.type != Statistics.INT:
        yield "LABEL_NOT_A_CLASS", f"is a fractional number; {_advice(label)}"
    elif label.task == "multiclass" and not 0 <= numbers.min <= numbers.max < len(label.class_names()):
        yield "LABEL_NOT_A_CLASS", f"{span}; {_advice(label)}"
    elif numbers.min == numbers.max:
        yield "LABEL_CONSTANT", f"is {numbers.min:g} in every row"


def _advice(label: Label) -> str:
    if label.task == "regression":
        return "write it as a number"
    if label.task == "multiclass":
        last = len(label.class_names()) - 1
        return f"the classes are the whole numbers from 0 to {last}, or give label.classes their names"
    return "write it as 0 and 1"


def _named_class_problems(feature: Statistics, *, rows: int, classes: Sequence[str]) -> Iterator[Problem]:
    if feature.WhichOneof("stats") != "string_stats":
        yield (
            "LABEL_NOT_A_CLASS",
            "is not text, but label.classes has names; give their number or write the names",
        )
        return
    texts = feature.string_stats
    yield from _missing(texts.common_stats, rows=rows, counted_as=classes[0])
    # The statistics hold the most frequent values and the number of distinct ones.
    seen = [bucket.label for bucket in texts.rank_histogram.buckets]
    unknown = [value for value in seen if value not in classes]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        yield "LABEL_NOT_A_CLASS", f"is {unknown[0]!r}{more}; label.classes has {', '.join(classes)}"
    elif texts.unique > len(classes):
        yield "LABEL_NOT_A_CLASS", f"has {texts.unique} different values; label.classes has {len(classes)}"
    elif texts.unique == 1:
        yield "LABEL_CONSTANT", f"is {seen[0]!r} in every row"


def _missing(common: statistics_pb2.CommonStatistics, *, rows: int, counted_as: str) -> Iterator[Problem]:
    # Not num_non_missing, which also counts features that are present without a value.
    missing = rows - int(common.tot_num_values)
    if missing:
        yield "LABEL_MISSING", f"is missing in {missing} of {rows} rows; a missing label counts as {counted_as}"
