"""What has changed since the data that the served model was trained on.

The schema's drift comparators decide how far a distribution may move. The served model has to answer about the new data
once more, as the baseline of the evaluation, so that its columns must have kept their types.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx.dsl.io import fileio

from components.gates.data.findings import Finding, finding
from components.gates.data.label_check import Statistics

_Statistics = statistics_pb2.DatasetFeatureStatisticsList
_Measured = anomalies_pb2.DriftSkewInfo.Measurement
# As TFDV names the anomalies.
_DRIFTS: Mapping[int, str] = {
    _Measured.L_INFTY: "COMPARATOR_L_INFTY_HIGH",
    _Measured.JENSEN_SHANNON_DIVERGENCE: "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
    _Measured.NORMALIZED_ABSOLUTE_DIFFERENCE: "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
}
_KINDS: Mapping[int, str] = {Statistics.INT: "integers", Statistics.FLOAT: "numbers with fractions"}
_SHOWN = 5


class Before(NamedTuple):
    """Data to compare with.

    Attributes:
        words: what they are, for messages.
        statistics: the statistics for a split; None if there are none.
    """

    words: str
    statistics: Callable[[str], _Statistics | None]


def served_data(folder: str) -> Before:
    """The data that the served model was trained on, given the folder of their statistics."""

    def of_split(split: str) -> _Statistics | None:
        path = f"{folder}/Split-{split}/FeatureStats.pb"
        return _read(path) if fileio.exists(path) else None

    return Before("the data of the served model", of_split)


def drift_findings(
    statistics: str, before: Before | None, *, splits: Sequence[str], schema: schema_pb2.Schema
) -> Iterator[Finding]:
    """Where the data have drifted, and what could not be compared.

    Args:
        statistics: folder of an ExampleStatistics artifact.
        before: what to compare with; None if there is nothing.
        splits: names of the splits to compare.
        schema: the curated schema.
    """
    skews = [feature.name for feature in schema.feature if feature.HasField("skew_comparator")]
    if skews:
        yield _nothing_to_compare(skews, "skew_comparator", "are no statistics of requests")
    drifts = drifting(schema)
    if drifts and before is None:
        yield _nothing_to_compare(drifts, "drift_comparator", "are no earlier data that a served model was trained on")
    elif drifts and before:
        for split in splits:
            yield from _drifts(statistics, before, split, schema, drifts)


def drifting(schema: schema_pb2.Schema) -> list[str]:
    """The features that have a drift comparator."""
    return [feature.name for feature in schema.feature if feature.HasField("drift_comparator")]


def type_findings(
    statistics: str, served: str | None, *, splits: Sequence[str], columns: Collection[str] | None
) -> Iterator[Finding]:
    """Which columns have another type than in the data that the served model was trained on.

    Args:
        statistics: as `drift_findings`.
        served: the same of the data that the served model was trained on; None if there is none.
        splits: names of the splits to compare, each with its namesake.
        columns: the columns that the model reads; None if it reads all.
    """
    for split in splits if served else ():
        before = _types(f"{served}/Split-{split}")
        for name, kind in _types(f"{statistics}/Split-{split}").items():
            if (columns is None or name in columns) and before.get(name, kind) != kind:
                text = (
                    f"holds {_words(kind)}, but {_words(before[name])} in the data of the served model, which cannot "
                    "be compared on them; correct it, or start anew with gates.evaluation.baseline=none"
                )
                yield finding(split, name, "TYPE_CHANGED", text)


def _drifts(
    statistics: str, before: Before, split: str, schema: schema_pb2.Schema, columns: Collection[str]
) -> Iterator[Finding]:
    earlier = before.statistics(split)
    if earlier is None:
        yield _nothing_to_compare(columns, "drift_comparator", f"is no {split} split in {before.words}")
        return
    now = _read(f"{statistics}/Split-{split}/FeatureStats.pb")
    found = tfdv.validate_statistics(now, schema, previous_statistics=earlier)
    for info in found.drift_skew_info:
        for moved in info.drift_measurements:
            if moved.type in _DRIFTS and moved.value > moved.threshold:
                text = f"has moved by {moved.value:.3g} from {before.words}, more than {moved.threshold:g}"
                yield finding(split, info.path.step[0], _DRIFTS[moved.type], text)


def _nothing_to_compare(columns: Collection[str], comparator: str, what: str) -> Finding:
    names = sorted(columns)
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    text = f"the schema has a {comparator} for {shown}, but there {what} to compare with"
    return Finding(text, frozenset(), refuses=False)


def _types(folder: str) -> dict[str, int]:
    """The types of the columns that have values, INT, FLOAT or STRING."""
    if not fileio.exists(f"{folder}/FeatureStats.pb"):
        return {}
    [dataset] = _read(f"{folder}/FeatureStats.pb").datasets
    found = {}
    for feature in dataset.features:
        stats = feature.num_stats if feature.type in _KINDS else feature.string_stats
        if stats.common_stats.tot_num_values:
            found[feature.path.step[0]] = feature.type if feature.type in _KINDS else Statistics.STRING
    return found


def _words(kind: int) -> str:
    return _KINDS.get(kind, "text")


def _read(path: str) -> _Statistics:
    with fileio.open(path, "rb") as file:
        return _Statistics.FromString(file.read())
