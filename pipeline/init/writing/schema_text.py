"""The curated schema: types, presence, domains and ranges with tolerance, and comparators."""

from __future__ import annotations

import math
from collections.abc import Mapping

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.init.judging.treatment import Treatment
from pipeline.init.reading.profile import MOST_CHARACTERS, ColumnProfile, Table
from trainer.labels.config import Label

TRAINING, SERVING = "TRAINING", "SERVING"
# More values, or values with fewer rows, are no closed list.
_MOST_VALUES, _ROWS_PER_VALUE = 100, 10
# Share of the rows that may hold another value.
_OTHER_VALUES = 0.05
_PRESENCE_TOLERANCE = 0.1
_CATEGORY_DRIFT, _NUMBER_DRIFT = 0.1, 0.1
# A range of integers has at least this tolerance.
_INTEGERS = 10
# The least float32 that keeps all its digits.
_TINY = 2.0**-126


def schema_of(table: Table, treatments: Mapping[str, Treatment], label: Label) -> schema_pb2.Schema:
    """A schema that the data fit, and that other data of the same kind fit, too.

    Args:
        table: what is known of the columns.
        treatments: what becomes of each, the label's included.
        label: the label, which no request has.
    """
    schema = schema_pb2.Schema(default_environment=[TRAINING, SERVING])
    for name, column in table.columns.items():
        feature = feature_of(column, treatments[name])
        if name == label.column:
            feature.not_in_environment.append(SERVING)
        schema.feature.append(feature)
    return schema


def as_text(schema: schema_pb2.Schema, *, title: str) -> str:
    """The file."""
    comment = (
        f"# The curated schema of {title}: ExampleValidator compares every run's data with it, and DataGate stops the "
        "run on\n# what does not fit. Features with a shape are required, the others may be missing in a row.\n"
    )
    return comment + text_format.MessageToString(schema, as_utf8=True)


def feature_of(column: ColumnProfile, treatment: Treatment) -> schema_pb2.Feature:
    """What a column may hold; little is asked of one that no model sees."""
    feature = schema_pb2.Feature(name=column.name, type=treatment.schema_type)
    _presence(feature, column, used=treatment.entry is not None)
    if treatment.entry is None or column.is_list:
        return feature
    noise = 3 / math.sqrt(max(1, column.present / 3))
    if treatment.kinds == ["date"]:
        # Later data have later times, so neither a range nor a distribution is a limit.
        return feature
    if treatment.schema_type != "BYTES":
        _range(feature, column)
        _compared(feature, jensen_shannon=_NUMBER_DRIFT + noise)
    elif "category" in treatment.kinds:
        if _is_closed(column):
            feature.string_domain.value.extend(sorted(str(value) for value, _ in column.counts))
            feature.distribution_constraints.min_domain_mass = 1 - _OTHER_VALUES
        _compared(feature, infinity_norm=_CATEGORY_DRIFT + noise)
    return feature


def _is_closed(column: ColumnProfile) -> bool:
    """Whether its values are a closed list; of long texts, only the beginnings are known."""
    few = not column.many and column.distinct <= _MOST_VALUES and column.repeats >= _ROWS_PER_VALUE
    return few and all(len(value) < MOST_CHARACTERS for value, _ in column.counts)


def _presence(feature: schema_pb2.Feature, column: ColumnProfile, *, used: bool) -> None:
    if not used:
        feature.presence.min_count = 0
        if column.is_list:
            feature.value_count.min = 0
        return
    feature.presence.min_count = 1
    fewest, most = column.lengths
    if not column.absent and fewest == most:
        feature.presence.min_fraction = 1.0
        feature.shape.dim.add(size=most)
        return
    share = 1 - column.absent / column.rows
    noise = 3 * math.sqrt(share * (1 - share) / max(1, column.rows / 3))
    feature.presence.min_fraction = round(max(0.0, share - _PRESENCE_TOLERANCE - noise), 3)
    feature.value_count.max = 2 * most if column.is_list and fewest < most else most


def _range(feature: schema_pb2.Feature, column: ColumnProfile) -> None:
    """From the least to the most, and once more as far, or 10; what has no negative numbers is to have none."""
    if not column.is_number:
        return
    span = column.most - column.least or abs(column.most) or 1
    if feature.type == schema_pb2.INT:
        # A count that was at most 1 may be 3 tomorrow.
        span = max(span, _INTEGERS)
    low, high = column.least - span, column.most + span
    if column.least >= 0:
        low = 0.0
    if feature.type == schema_pb2.INT:
        feature.int_domain.min, feature.int_domain.max = _int64(math.floor(low)), _int64(math.ceil(high))
    else:
        # Outward to two digits of the span; of one below float32's, no digits are left.
        span = max(span, _TINY)
        step = 10.0 ** (math.floor(math.log10(span)) - 1)
        feature.float_domain.min = float(f"{math.floor(low / step) * step:.6g}")
        feature.float_domain.max = float(f"{math.ceil(high / step) * step:.6g}")


def _compared(feature: schema_pb2.Feature, *, infinity_norm: float = 0, jensen_shannon: float = 0) -> None:
    """Spans with each other, and training with serving, by their distributions; few rows differ by chance."""
    for comparator in (feature.drift_comparator, feature.skew_comparator):
        if infinity_norm:
            comparator.infinity_norm.threshold = round(min(1.0, infinity_norm), 3)
        else:
            comparator.jensen_shannon_divergence.threshold = round(min(1.0, jensen_shannon), 3)


def _int64(number: float) -> int:
    return max(-(2**63), min(2**63 - 1, int(number)))
