"""The Evaluator's metrics as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2
from tfx.utils import io_utils

from components.gates import metrics_file

ALL_EXAMPLES = ""
EXAMPLE_COUNT = "example_count"
CANDIDATE, BASELINE = tfma.CANDIDATE_KEY, tfma.BASELINE_KEY

# Keras computes in float32: 7 correct out of 10 is 0.69999999 and must pass a limit of 0.7.
_ROUNDING = 1e-7

Table = dict[str, dict[str, float]]


def metrics_by_slice(evaluation_uri: str, model_name: str) -> Table:
    """TFMA's metrics of one model.

    Args:
        evaluation_uri: folder of a ModelEvaluation artifact.
        model_name: `CANDIDATE` or `BASELINE`.

    Returns:
        The metrics of each slice, `ALL_EXAMPLES` first, such as ``{"": {"auc": 0.95}, "payment_type=Cash": {...}}``;
        empty if the model was not evaluated.
    """
    table: Table = {}
    for record in tfma.load_metrics(evaluation_uri):
        name = slice_name(record.slice_key)
        for entry in record.metric_keys_and_values:
            key = entry.key
            if key.is_diff or (key.model_name or CANDIDATE) != model_name:
                continue
            if entry.value.WhichOneof("type") == "double_value":
                table.setdefault(name, {})[key.name] = entry.value.double_value.value
    return dict(sorted(table.items()))


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What an evaluation says.

    Attributes:
        candidate: metrics of the candidate by slice, as `metrics_by_slice` returns them.
        baseline: those of the baseline; empty without one.
        columns: of each slice the columns; none of `ALL_EXAMPLES`.
    """

    candidate: Table
    baseline: Table
    columns: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, evaluation_uri: str) -> Evaluated:
        """That of a ModelEvaluation artifact's folder."""
        return cls(
            candidate=metrics_by_slice(evaluation_uri, CANDIDATE),
            baseline=metrics_by_slice(evaluation_uri, BASELINE),
            columns={
                slice_name(record.slice_key): tuple(single.column for single in record.slice_key.single_slice_keys)
                for record in tfma.load_metrics(evaluation_uri)
            },
        )

    def large(self, sliced: Sequence[str] | None, *, min_slice_size: int) -> Table:
        """The candidate's metrics in the slices that a limit applies to.

        Args:
            sliced: columns of the limit; None for all examples.
            min_slice_size: examples per slice below which it does not.
        """
        return {
            name: metrics
            for name, metrics in self.candidate.items()
            if sorted(self.columns[name]) == sorted(sliced or ())
            and (name == ALL_EXAMPLES or metrics[EXAMPLE_COUNT] >= min_slice_size)
        }


def write_metrics(evaluation_uri: str) -> None:
    """Write the metrics of both models beside TFMA's files, as JSON."""
    text = metrics_file.as_text(
        candidate=metrics_by_slice(evaluation_uri, CANDIDATE), baseline=metrics_by_slice(evaluation_uri, BASELINE)
    )
    io_utils.write_string_file(f"{evaluation_uri}/{metrics_file.FILE}", text)


def slice_name(slice_key: metrics_for_slice_pb2.SliceKey) -> str:
    """``feature=value``, or `ALL_EXAMPLES`."""
    parts = []
    for single in slice_key.single_slice_keys:
        value = getattr(single, single.WhichOneof("kind"))
        parts.append(f"{single.column}={value.decode() if isinstance(value, bytes) else value}")
    return ", ".join(parts)


def at_least(limit: float) -> float:
    """The smallest value that counts as ``limit`` or more."""
    return limit * (1 - _ROUNDING)


def at_most(limit: float) -> float:
    """The largest value that counts as ``limit`` or less."""
    return limit * (1 + _ROUNDING)
