"""The rows of an evaluation as arrays: labels, predictions, weights, slice columns and hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

# An array, or one for each model by its name.
Nested = Any


@dataclass(frozen=True, kw_only=True)
class Entries:
    """What a metric sees of each row. A row has several entries where classes are averaged as if they were rows.

    Attributes:
        labels: float64 `[rows, entries]`.
        predictions: float64 `[rows, entries]`.
        weights: float64 `[rows, 1]`, 1 where the metric is not weighted.
    """

    labels: np.ndarray
    predictions: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, kw_only=True)
class RowBatch:
    """Some rows.

    Attributes:
        labels: `[rows, 1]`, or `[rows, classes]`, as TFMA's extractors return them.
        predictions: `[rows, 1]`, or `[rows, classes]`.
        weights: `[rows, 1]`; None without example weights.
        combinations: int64 `[rows, specs]`, as `Slicer.combinations` returns them.
        hashes: uint64 `[rows]`, of the serialized examples; None where no intervals are computed.
        extracts: TFMA's batches of these rows, for metrics that have no form on arrays; empty if there are none.
    """

    labels: Nested
    predictions: Nested
    weights: Nested
    combinations: np.ndarray
    hashes: np.ndarray | None
    extracts: tuple[Mapping[str, Any], ...] = ()

    def __len__(self) -> int:
        return len(_first(self.predictions))

    def of_model(self, model: str) -> tuple[np.ndarray, np.ndarray]:
        """Labels and predictions of one model, float64 `[rows, 1]` or `[rows, classes]`."""
        return matrix(_of(self.labels, model)), matrix(_of(self.predictions, model))

    def weights_of(self, model: str, *, weighted: bool) -> np.ndarray:
        """Weights of one model, float64 `[rows, 1]`."""
        weights = _of(self.weights, model) if weighted else None
        return np.ones((len(self), 1)) if weights is None else matrix(weights)

    def entries_of(self, key: metric_types.MetricKey) -> Entries:
        """What a binary metric sees: one class against the rest, or every class of a row in turn."""
        labels, predictions = self.of_model(key.model_name)
        if labels.shape != predictions.shape:
            labels = (labels == np.arange(predictions.shape[1])).astype(np.float64)
        if key.sub_key is not None:
            labels, predictions = labels[:, [key.sub_key.class_id]], predictions[:, [key.sub_key.class_id]]
        weights = self.weights_of(key.model_name, weighted=bool(key.example_weighted))
        return Entries(labels=labels, predictions=predictions, weights=weights)


def from_extracts(
    extracts: Mapping[str, Any], config: config_pb2.EvalConfig, *, combinations: np.ndarray, hashed: bool
) -> RowBatch:
    """The arrays of one of TFMA's batches.

    Args:
        extracts: what TFMA's extractors return for a batch, up to the predictions.
        config: names the output of each model that is its prediction.
        combinations: see `RowBatch`.
        hashed: whether the rows need hashes.

    Raises:
        ValueError: a label is not a number, or rows have none.
    """
    labels = extracts.get(constants.LABELS_KEY)
    for values in by_model(labels).values():
        _require_numbers(values)
    return RowBatch(
        labels=labels,
        predictions=predictions_of(extracts, config),
        weights=extracts.get(constants.EXAMPLE_WEIGHTS_KEY),
        combinations=combinations,
        hashes=_hashes(extracts[constants.INPUT_KEY]) if hashed else None,
    )


def predictions_of(extracts: Mapping[str, Any], config: config_pb2.EvalConfig) -> Nested:
    """The predictions of one of TFMA's batches.

    Args:
        extracts: see `from_extracts`.
        config: see `from_extracts`.

    Raises:
        ValueError: a model has no such output, or not one value in each row.
    """
    predictions = extracts[constants.PREDICTIONS_KEY]
    if len(config.model_specs) == 1:
        predictions = _output(predictions, config.model_specs[0])
    else:
        predictions = {spec.name: _output(predictions[spec.name], spec) for spec in config.model_specs}
    for model, values in by_model(predictions).items():
        _require_array(values, f"predictions{f' of the {model}' if model else ''}")
    return predictions


def by_model(nested: Nested) -> dict[str, Any]:
    """The array of each model by its name, which is empty where there is one model."""
    return dict(nested) if isinstance(nested, Mapping) else {"": nested}


def is_finite(values: np.ndarray) -> np.ndarray:
    """Which rows are neither NaN nor infinite, bool `[rows]`."""
    return np.all(np.isfinite(matrix(values)), axis=1)


def all_finite(extracts: Mapping[str, Any], config: config_pb2.EvalConfig) -> bool:
    """Whether all predictions of all models are; see `predictions_of`."""
    return all(is_finite(values).all() for values in by_model(predictions_of(extracts, config)).values())


def matrix(values: np.ndarray) -> np.ndarray:
    """One row per row, float64."""
    return values.reshape(len(values), -1).astype(np.float64)


def concatenate(parts: Sequence[RowBatch]) -> RowBatch:
    """All rows of the parts, in order."""
    hashes = [part.hashes for part in parts if part.hashes is not None]
    return RowBatch(
        labels=_concatenate([part.labels for part in parts]),
        predictions=_concatenate([part.predictions for part in parts]),
        weights=_concatenate([part.weights for part in parts]),
        combinations=np.concatenate([part.combinations for part in parts]),
        hashes=np.concatenate(hashes) if hashes else None,
        extracts=tuple(batch for part in parts for batch in part.extracts),
    )


def _hashes(records: Sequence[bytes]) -> np.ndarray:
    digests = b"".join(hashlib.blake2b(record, digest_size=8).digest() for record in records)
    return np.frombuffer(digests, np.dtype("<u8"))


def _output(predictions: Any, spec: config_pb2.ModelSpec) -> Any:
    if not isinstance(predictions, Mapping):
        return predictions
    if spec.prediction_key not in predictions:
        raise ValueError(f"the model has no output {spec.prediction_key!r}; it has {', '.join(sorted(predictions))}")
    return predictions[spec.prediction_key]


def _require_numbers(labels: Any) -> None:
    _require_array(labels, "labels")
    finite = is_finite(labels)
    if not finite.all():
        first = labels[~finite][0].tolist()
        raise ValueError(f"{(~finite).sum():,} of {len(labels):,} labels are not finite; the first is {first}")


def _require_array(values: Any, what: str) -> None:
    if not isinstance(values, np.ndarray):
        raise ValueError(f"the {what} are not one value in each row, but {type(values).__name__}")


def _of(nested: Nested, model: str) -> Any:
    return nested[model] if isinstance(nested, Mapping) else nested


def _first(nested: Nested) -> Any:
    return next(iter(by_model(nested).values()))


def _concatenate(parts: Sequence[Nested]) -> Nested:
    first = parts[0]
    if first is None:
        return None
    if isinstance(first, Mapping):
        return {name: _concatenate([part[name] for part in parts]) for name in first}
    return np.concatenate(parts)
