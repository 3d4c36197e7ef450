"""Compares by the comparators that the schema has, as TFDV does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.gates.findings import Finding, finding, notice

_Statistics = statistics_pb2.DatasetFeatureStatisticsList
_Measured = anomalies_pb2.DriftSkewInfo.Measurement
# As TFDV names the anomalies.
_NAMES: Mapping[int, str] = {
    _Measured.L_INFTY: "COMPARATOR_L_INFTY_HIGH",
    _Measured.JENSEN_SHANNON_DIVERGENCE: "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
    _Measured.NORMALIZED_ABSOLUTE_DIFFERENCE: "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
}
# Columns that a notice names; of more it says how many.
_SHOWN = 3


class Comparators(NamedTuple):
    """One kind of a schema's comparators.

    Attributes:
        name: their name in the schema.
        serving: whether they compare with requests, not with earlier data.
        measurements: what TFDV found, of a column.
    """

    name: str
    serving: bool
    measurements: Callable[[anomalies_pb2.DriftSkewInfo], Sequence[anomalies_pb2.DriftSkewInfo.Measurement]]

    def columns(self, schema: schema_pb2.Schema) -> list[str]:
        """The columns that have one."""
        return [feature.name for feature in schema.feature if feature.HasField(self.name)]

    def nothing_to_compare(self, columns: Collection[str], why: str) -> Finding:
        """That there is nothing to compare with, where the schema wants it."""
        shown = ", ".join(sorted(columns)) if len(columns) <= _SHOWN else f"{len(columns)} columns"
        return notice(f"the {self.name} of {shown} has nothing to compare with: {why}")


DRIFT = Comparators("drift_comparator", False, lambda info: info.drift_measurements)
SKEW = Comparators("skew_comparator", True, lambda info: info.skew_measurements)


def compare(
    now: _Statistics,
    other: _Statistics,
    *,
    split: str,
    schema: schema_pb2.Schema,
    comparators: Comparators,
    words: str,
    refuses: bool = True,
) -> Iterator[Finding]:
    """Where the schema's limits are exceeded.

    Args:
        now: the statistics of a split.
        other: what they are compared with.
        split: the split's name.
        schema: the curated schema.
        comparators: `DRIFT` or `SKEW`.
        words: what ``other`` is, for messages.
        refuses: whether that is a fault.
    """
    earlier, sent = (None, other) if comparators.serving else (other, None)
    found = tfdv.validate_statistics(now, schema, previous_statistics=earlier, serving_statistics=sent)
    for info in found.drift_skew_info:
        for moved in comparators.measurements(info):
            if moved.type in _NAMES and moved.value > moved.threshold:
                text = f"has moved by {moved.value:.3g} from {words}, more than {moved.threshold:g}"
                yield finding(split, info.path.step[0], _NAMES[moved.type], text, refuses=refuses)
