"""Requests made from tf.Examples, as callers of the model send them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import input_pb2, prediction_log_pb2

from serving.client.messages.examples import columns, features_of_signature, takes_examples
from serving.inference.servable import SignatureDef


def requests_for(signature: SignatureDef, records: Sequence[bytes]) -> dict[str, np.ndarray]:
    """The inputs of one signature, made from serialized tf.Examples.

    Args:
        signature: takes either serialized examples in its only input, or one column per feature.
        records: serialized tf.Examples.
    """
    if takes_examples(signature):
        return {name: np.array(records, dtype=object) for name in signature.inputs}
    return columns([_row(record) for record in records], features_of_signature(signature))


def _row(record: bytes) -> dict[str, object]:
    features = tf.train.Example.FromString(record).features.feature
    row = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else []
        if values:
            row[name] = values[0] if len(values) == 1 else list(values)
    return row


def prediction_logs(
    signatures: Mapping[str, SignatureDef], records: Sequence[bytes], *, names: Collection[str]
) -> list[prediction_log_pb2.PredictionLog]:
    """One request with one record for each signature: it fits any server's batches and runs the same graph.

    A signature with the method of Classify or Regress is called through that API, any other through Predict. The
    requests name no model: a server that warms up a model knows its name.

    Args:
        signatures: the model's signatures by name.
        records: serialized tf.Examples, at least one; the first is sent.
        names: signatures to call; those that the model does not have are skipped.
    """
    return [_log(name, signatures[name], records[:1]) for name in sorted(names) if name in signatures]


def _log(name: str, signature: SignatureDef, records: Sequence[bytes]) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    if signature.method_name == tf.saved_model.CLASSIFY_METHOD_NAME:
        log.classify_log.request.model_spec.signature_name = name
        log.classify_log.request.input.CopyFrom(_input(records))
    elif signature.method_name == tf.saved_model.REGRESS_METHOD_NAME:
        log.regress_log.request.model_spec.signature_name = name
        log.regress_log.request.input.CopyFrom(_input(records))
    else:
        request = log.predict_log.request
        request.model_spec.signature_name = name
        for key, array in requests_for(signature, records).items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(array))
    return log


def _input(records: Sequence[bytes]) -> input_pb2.Input:
    examples = [tf.train.Example.FromString(record) for record in records]
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))
