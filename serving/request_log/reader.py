"""Reads a request log: the requests, as raw rows or tf.Examples, and the answers.

Rows hold what the caller sent before any preprocessing, without missing values, so that their statistics can be
compared with those of the training data.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import input_pb2, prediction_log_pb2

from serving.client.messages import tensors
from serving.client.messages.examples import SERIALIZED
from serving.client.messages.values import MISSING
from serving.request_log.files import SUFFIX, model_folder

logger = logging.getLogger(__name__)

# The signature of the template's exports that takes columns, one of which may be called as an input of tf.Examples.
_COLUMNAR = "columnar"
_DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One sampled request with its answer.

    Attributes:
        version: the version that answered.
        signature: the called one; for MultiInference those of all tasks, joined by commas.
        time: int, seconds since 1970 when it was answered.
        examples: a serialized tf.Example for each row of the request; absent features are missing values.
        answer: output name to array for Predict; the response's result message under ``result`` for other calls.
    """

    version: int
    signature: str
    time: int
    examples: tuple[bytes, ...]
    answer: Mapping[str, Any]

    def rows(self) -> list[dict[str, object]]:
        """The same rows as plain dicts: numbers and bytes, or a list if a feature does not have exactly one value."""
        return [_row(example) for example in self.examples]


def read(folder: Path, model: str, *, newest_first: bool = False) -> Iterator[Record]:
    """The records of one model in the order of their files, oldest first.

    Files that are being written are left out. A damaged file is read up to the damage; the rest is skipped with a
    warning.

    Args:
        folder: the server's ``--request_log_folder``.
        model: the model's name.
        newest_first: whether the newest file comes first; within a file, the oldest record does.

    Raises:
        FileNotFoundError: nothing has been logged for the model.
    """
    files = model_folder(folder, model)
    if not files.is_dir():
        raise FileNotFoundError(f"{files}: no requests to {model} were logged here; see --request_log_sampling_rate")
    return _records(sorted(files.glob(f"*{SUFFIX}"), reverse=newest_first))


def _records(files: Iterable[Path]) -> Iterator[Record]:
    for file in files:
        try:
            for serialized in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
                yield parse(prediction_log_pb2.PredictionLog.FromString(bytes(serialized)))
        except tf.errors.NotFoundError:
            # The server removes the oldest file if there are too many.
            continue
        except tf.errors.DataLossError as error:
            logger.warning("%s: the file is damaged, its rest is skipped (%s)", file, error.message)


def parse(log: prediction_log_pb2.PredictionLog) -> Record:
    """One record of a log.

    Raises:
        ValueError: it is not a Predict, Classify, Regress or MultiInference record.
    """
    kind = log.WhichOneof("log_type")
    readers = {
        "predict_log": (_predict_examples, _predict_answer),
        "classify_log": (_input_examples, _result),
        "regress_log": (_input_examples, _result),
        "multi_inference_log": (_input_examples, _results),
    }
    if kind not in readers:
        raise ValueError(f"cannot read the request of a record of kind {kind}")
    asked, answered = getattr(log, kind).request, getattr(log, kind).response
    examples, answer = readers[kind]
    specs = [task.model_spec for task in asked.tasks] if kind == "multi_inference_log" else [asked.model_spec]
    return Record(
        version=_version(log, answered, kind),
        signature=",".join(spec.signature_name or _DEFAULT_SIGNATURE for spec in specs),
        time=log.log_metadata.timestamp_secs,
        examples=tuple(examples(asked)),
        answer=answer(answered),
    )


def _version(log: prediction_log_pb2.PredictionLog, answered: Any, kind: str) -> int:
    if kind == "multi_inference_log":
        specs = [result.model_spec for result in answered.results]
    else:
        specs = [answered.model_spec]
    # A request may name a label or nothing; the answer and the log's own spec name the version that answered.
    return next((spec.version.value for spec in [*specs, log.log_metadata.model_spec] if spec.version.value), 0)


def _predict_examples(asked: Any) -> Iterator[bytes]:
    arrays = {name: tensors.to_array(proto) for name, proto in asked.inputs.items()}
    if asked.model_spec.signature_name != _COLUMNAR and len(arrays) == 1 and next(iter(arrays)) in SERIALIZED:
        (serialized,) = arrays.values()
        if serialized.dtype.hasobject:
            return iter(serialized.ravel().tolist())
    return _columns_to_examples(arrays)


def _columns_to_examples(arrays: Mapping[str, np.ndarray]) -> Iterator[bytes]:
    # A value without a batch dimension is one row.
    columns = {name: np.atleast_1d(array) for name, array in arrays.items()}
    count = max((len(array) for array in columns.values()), default=0)
    for index in range(count):
        example = tf.train.Example()
        for name, array in columns.items():
            values = np.ravel(array[index : index + 1])
            present = np.flatnonzero(~_missing(values))
            if len(present):
                # What follows the last value pads a list to the longest of its request; vectors of numbers keep theirs.
                _fill(example.features.feature[name], values if values.dtype.kind == "f" else values[: present[-1] + 1])
        yield example.SerializeToString(deterministic=True)


def _missing(values: np.ndarray) -> np.ndarray:
    """Which values are the exporter's markers of a missing one, `columns.MISSING`."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    return values == MISSING["O" if values.dtype.hasobject else "i"]


def _fill(feature: tf.train.Feature, values: np.ndarray) -> None:
    if values.dtype.kind == "f":
        feature.float_list.value.extend(values.tolist())
    elif values.dtype.hasobject:
        feature.bytes_list.value.extend(values.tolist())
    else:
        # Protobuf deprecates booleans as integers.
        feature.int64_list.value.extend(values.astype(np.int64).tolist())


def _input_examples(asked: Any) -> Iterator[bytes]:
    sent: input_pb2.Input = asked.input
    if sent.WhichOneof("kind") == "example_list_with_context":
        listed = sent.example_list_with_context
        for example in listed.examples:
            whole = tf.train.Example()
            # The example's own value wins (util.cc, InputToSerializedExampleTensor appends it after the context).
            whole.CopyFrom(listed.context)
            for name, feature in example.features.feature.items():
                whole.features.feature[name].CopyFrom(feature)
            yield whole.SerializeToString(deterministic=True)
        return
    for example in sent.example_list.examples:
        yield example.SerializeToString(deterministic=True)


def _predict_answer(answered: Any) -> dict[str, np.ndarray]:
    return {name: tensors.to_array(proto) for name, proto in answered.outputs.items()}


def _result(answered: Any) -> dict[str, Any]:
    return {"result": answered.result}


def _results(answered: Any) -> dict[str, Any]:
    return {"result": list(answered.results)}


def _row(serialized: bytes) -> dict[str, object]:
    row = {}
    for name, feature in tf.train.Example.FromString(bytes(serialized)).features.feature.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        if values:
            row[name] = values[0] if len(values) == 1 else values
    return row
