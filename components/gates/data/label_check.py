"""What the data say about the label: whether it is present, and whether its task can be learnt from it.

The statistics decide where they can. They do not know which values stand in a row together, nor every number of a
column; for these the examples are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio

from components.gates.data.label_rows import LabelCounts, LabelRows
from components.gates.data.label_scale import out_of_scale
from trainer.labels.config import FALSE_WORDS, TRUE_WORDS, Above, Label

Statistics = statistics_pb2.FeatureNameStatistics
NUMERIC = {Statistics.INT, Statistics.FLOAT}
# A reason and its text.
Problem = tuple[str, str]
_SHOWN = 5


def label_anomalies(
    statistics: str, *, splits: Sequence[str], label: Label, labels: LabelRows
) -> Iterator[tuple[str, frozenset[str]]]:
    """What is wrong with the label: one text per problem, with the allow-list entries that accept it.

    Args:
        statistics: folder of an ExampleStatistics artifact.
        splits: names of the splits to check.
        label: the label, of any task.
        labels: reads it from the examples that the statistics describe.
    """
    for split in splits:
        rows, features = split_statistics(statistics, split)
        found = [(column, *problem) for column in label.columns for problem in _problems(features, column, rows, label)]
        if not found and _leaves_doubt(features[label.column], label):
            seen = labels.of(split, features)
            found = [(label.column, *problem) for problem in _found_problems(seen, label)]
        for column, reason, text in found:
            yield f"{split}/{column}: the label {text} ({reason})", frozenset({column, f"{column}:{reason}"})


def split_statistics(uri: str, split: str) -> tuple[int, dict[str, Statistics]]:
    """The number of rows of a split, and the statistics of each of its features."""
    with fileio.open(f"{uri}/Split-{split}/FeatureStats.pb", "rb") as file:
        [dataset] = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read()).datasets
    return int(dataset.num_examples), {feature.path.step[0]: feature for feature in dataset.features}


def _problems(features: dict[str, Statistics], column: str, rows: int, label: Label) -> Iterator[Problem]:
    feature = features.get(column)
    if feature is None:
        yield "LABEL_MISSING", f"is missing in all {rows:,} rows"
        return
    is_number = feature.type in NUMERIC
    common = feature.num_stats.common_stats if is_number else feature.string_stats.common_stats
    # Not num_non_missing, which also counts features that are present without a value.
    missing = rows - int(common.tot_num_values)
    if missing > 0:
        yield "LABEL_MISSING", f"is missing in {missing:,} of {rows:,} rows; label.missing: drop leaves such rows out"
    elif common.max_num_values > 1:
        yield "LABEL_NOT_SINGLE", f"has up to {common.max_num_values} values in a row; a row has one label"
    elif is_number:
        yield from _number_problems(feature, label)
    elif label.above is not None or label.task == "regression":
        yield "LABEL_NOT_NUMERIC", f"is text, such as {_texts(feature)[0]!r}; write it as a number"
    elif label.task == "multiclass" and label.values is None:
        yield "LABEL_NOT_NUMERIC", f"is text, such as {_texts(feature)[0]!r}; {_advice(label)}"
    else:
        yield from _text_problems(feature, label)


def _number_problems(feature: Statistics, label: Label) -> Iterator[Problem]:
    numbers = feature.num_stats
    least, most = numbers.min, numbers.max
    span = f"ranges from {least:g} to {most:g}"
    nan = sum(int(histogram.num_nan) for histogram in numbers.histograms[:1])
    if nan or math.isinf(least) or math.isinf(most):
        yield "LABEL_NOT_FINITE", "has NaN or infinite values, from which no model can learn"
    if isinstance(label.above, float):
        if most <= label.above or least > label.above:
            yield "LABEL_CONSTANT", f"is {_outcome(least > label.above)}: {feature.path.step[0]} {span}"
    elif label.above is not None:
        return
    elif label.log and least < 0:
        yield "LABEL_NEGATIVE", f"{span}; label.log needs positive numbers"
    elif label.needs_text():
        yield (
            "LABEL_NOT_A_CLASS",
            f"is a number, but label.classes has {_listed(label.class_names())}; name its numbers",
        )
    elif label.task == "binary" and not label.class_values() and (least < 0 or most > 1):
        yield "LABEL_NOT_BINARY", f"{span}; {_advice(label)}"
    elif label.task == "multiclass" and label.values is None and not 0 <= least <= most < len(label.class_names()):
        yield "LABEL_NOT_A_CLASS", f"{span}; {_advice(label)}"
    else:
        yield from _range_problems(least, most, label)


def _range_problems(least: float, most: float, label: Label) -> Iterator[Problem]:
    if least == most:
        yield "LABEL_CONSTANT", f"is {least:g} in every row"
    elif label.task == "regression" and (scale := out_of_scale(least, most)):
        yield "LABEL_SCALE", scale


def _text_problems(feature: Statistics, label: Label) -> Iterator[Problem]:
    seen, distinct = _texts(feature), feature.string_stats.unique
    if distinct == 1:
        yield "LABEL_CONSTANT", f"is {seen[0]!r} in every row"
    elif label.positive is not None:
        if str(label.positive) not in seen and distinct <= len(seen):
            yield (
                "LABEL_CONSTANT",
                f"is never {str(label.positive)!r}, which label.positive names; it is {_listed(seen)}",
            )
    else:
        known = label.values or (*TRUE_WORDS, *FALSE_WORDS)
        unknown = [text for text in seen if (text if label.values else text.strip().lower()) not in known]
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        if unknown and label.values is None:
            yield "LABEL_NOT_BINARY", f"is {unknown[0]!r}{more}; {_advice(label)}"
        elif unknown:
            yield "LABEL_NOT_A_CLASS", f"is {unknown[0]!r}{more}; label.classes has {_listed(known)}"
        elif label.values is not None and distinct > len(known):
            yield "LABEL_NOT_A_CLASS", f"has {distinct:,} different values; label.classes has {len(known)}"


def _leaves_doubt(feature: Statistics, label: Label) -> bool:
    """Whether the statistics, in which nothing is wrong, do not show all that could be."""
    if label.above is not None:
        return isinstance(label.above, Above)
    if feature.type not in NUMERIC:
        # They list the most frequent texts only; and several words may mean the same.
        return label.values is None or feature.string_stats.unique > len(_texts(feature))
    return label.task != "regression" and (bool(label.class_values()) or feature.type == Statistics.FLOAT)


def _found_problems(seen: LabelCounts, label: Label) -> Iterator[Problem]:
    if seen.unknown is not None:
        reason = "LABEL_NOT_BINARY" if label.task == "binary" else "LABEL_NOT_A_CLASS"
        yield reason, f"is {seen.unknown} in a row; {_advice(label)}"
    elif len(seen.classes) == 1 and isinstance(label.above, Above):
        above = f"more than {label.above.times:g} times {label.above.column}"
        yield "LABEL_CONSTANT", f"is {_outcome(1 in seen.classes)}: {above}, in {seen.rows:,} rows"
    elif len(seen.classes) == 1:
        name = label.class_names()[int(min(seen.classes))]
        yield "LABEL_CONSTANT", f"is {name!r} in every row, {seen.rows:,} in all"


def _outcome(always: bool) -> str:
    return f"{'always' if always else 'never'} above what label.above names"


def _advice(label: Label) -> str:
    if label.values is not None:
        return f"label.classes has {_listed(label.values)}"
    if label.task == "multiclass":
        last = len(label.class_names()) - 1
        return f"the classes are the whole numbers from 0 to {last}, or give label.classes their names"
    return "write it as 0 and 1, or name both values with label.classes, or one with label.positive"


def _texts(feature: Statistics) -> list[str]:
    """The most frequent texts of a column."""
    return [bucket.label for bucket in feature.string_stats.rank_histogram.buckets]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
