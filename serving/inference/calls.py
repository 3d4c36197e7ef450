"""Predict, Classify, Regress and MultiInference on one loaded version, with TF Serving's error texts.

The functions know nothing of names, versions or metrics; `serving.api` does. Warm-up replays through them, too. The
rules are those of servables/tensorflow/predict_util.cc, classifier.cc, regressor.cc and multi_inference.cc.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import grpc
import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import classification_pb2, inference_pb2, predict_pb2, regression_pb2

from serving.client.messages import dtypes, tensors
from serving.errors import StatusError, failed_precondition, invalid_argument
from serving.inference import heads
from serving.inference.engine import check_names
from serving.inference.examples import serialized_examples
from serving.inference.servable import Servable, SignatureDef

DEFAULT_SIGNATURE = "serving_default"
_PREDICT = "tensorflow/serving/predict"
# Tensors of so few elements need not be looked at twice.
_FEW = 1024

# Gets the microseconds of the run alone.
OnRun = Callable[[float], object]


def predict(
    servable: Servable,
    request: predict_pb2.PredictRequest,
    *,
    timeout_seconds: float | None = None,
    tensor_content: bool = False,
    on_run: OnRun | None = None,
) -> predict_pb2.PredictResponse:
    """Answer with the outputs alone; ``model_spec`` is left empty but for the signature's name.

    Raises:
        StatusError: the request does not fit the model, or the run failed.
    """
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(name)
    if signature is None:
        raise failed_precondition(f'Serving signature key "{name}" not found.')
    inputs = _arrays(signature, request.inputs)
    outputs = _run(servable, signature, inputs, request.output_filter, timeout_seconds, on_run)
    response = predict_pb2.PredictResponse()
    response.model_spec.signature_name = name
    for alias, array in outputs.items():
        try:
            tensors.fill(response.outputs[alias], array, tensor_content=tensor_content)
        except dtypes.TensorError as error:
            raise StatusError(grpc.StatusCode.UNIMPLEMENTED, f"output {alias}: {error}") from None
    return response


def classify(
    servable: Servable,
    request: classification_pb2.ClassificationRequest,
    *,
    timeout_seconds: float | None = None,
    on_run: OnRun | None = None,
) -> classification_pb2.ClassificationResponse:
    """Answer with the result; ``model_spec`` holds only the signature's name.

    Raises:
        StatusError: the request does not fit the model, or the run failed.
    """
    name, signature = _head(servable, request.model_spec.signature_name)
    wanted = heads.classification_outputs(signature)
    examples = serialized_examples(request.input)
    outputs = _run(servable, signature, {heads.INPUTS: examples}, wanted, timeout_seconds, on_run)
    response = classification_pb2.ClassificationResponse(result=heads.classification_result(outputs, len(examples)))
    response.model_spec.signature_name = name
    return response


def regress(
    servable: Servable,
    request: regression_pb2.RegressionRequest,
    *,
    timeout_seconds: float | None = None,
    on_run: OnRun | None = None,
) -> regression_pb2.RegressionResponse:
    """Answer with the result; ``model_spec`` holds only the signature's name.

    Raises:
        StatusError: the request does not fit the model, or the run failed.
    """
    name, signature = _head(servable, request.model_spec.signature_name)
    wanted = heads.regression_outputs(signature)
    examples = serialized_examples(request.input)
    outputs = _run(servable, signature, {heads.INPUTS: examples}, wanted, timeout_seconds, on_run)
    result = heads.regression_result(outputs[heads.OUTPUTS], len(examples))
    response = regression_pb2.RegressionResponse(result=result)
    response.model_spec.signature_name = name
    return response


def multi_inference(
    servable: Servable, request: inference_pb2.MultiInferenceRequest, *, timeout_seconds: float | None = None
) -> inference_pb2.MultiInferenceResponse:
    """Answer with the results in the order of the tasks; ``model_spec`` holds only the signature's name.

    The heads' outputs are fetched in one run, through a signature made of all of them.

    Raises:
        StatusError: a task does not fit the model or the other tasks, or the run failed.
    """
    wanted = _tasks(servable, request.tasks)
    merged = meta_graph_pb2.SignatureDef(method_name=_PREDICT)
    for name, aliases in wanted.items():
        signature = servable.signatures[name]
        # Heads may share inputs (TF1) and outputs; keyed by tensor name, each is fed or fetched once.
        given = signature.inputs[heads.INPUTS]
        merged.inputs[given.name].CopyFrom(given)
        for alias in aliases:
            merged.outputs[signature.outputs[alias].name].CopyFrom(signature.outputs[alias])
    examples = serialized_examples(request.input)
    fetched = _run(servable, merged, dict.fromkeys(merged.inputs, examples), (), timeout_seconds, None)
    response = inference_pb2.MultiInferenceResponse()
    for task, (name, aliases) in zip(request.tasks, wanted.items(), strict=True):
        signature = servable.signatures[name]
        outputs = {alias: fetched[signature.outputs[alias].name] for alias in aliases}
        result = response.results.add()
        result.model_spec.signature_name = name
        if task.method_name == heads.CLASSIFY:
            result.classification_result.CopyFrom(heads.classification_result(outputs, len(examples)))
        else:
            result.regression_result.CopyFrom(heads.regression_result(outputs[heads.OUTPUTS], len(examples)))
    return response


def _tasks(servable: Servable, tasks: Collection[inference_pb2.InferenceTask]) -> dict[str, list[str]]:
    """The wanted outputs by signature name, one entry for each task."""
    model = ""
    wanted: dict[str, list[str]] = {}
    for task in tasks:
        spec = task.model_spec
        if not spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if model and spec.name != model:
            raise invalid_argument("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        model = spec.name
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name in wanted:
            raise invalid_argument(f"Duplicate evaluation of signature: {name}")
        if name not in servable.signatures:
            raise invalid_argument(f"Requested signature not found in model graph: {name}")
        signature = servable.signatures[name]
        if task.method_name == heads.CLASSIFY:
            wanted[name] = heads.classification_outputs(signature)
        elif task.method_name == heads.REGRESS:
            wanted[name] = heads.regression_outputs(signature)
        else:
            raise StatusError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
    return wanted


def _head(servable: Servable, requested: str) -> tuple[str, SignatureDef]:
    name = requested or DEFAULT_SIGNATURE
    signature = servable.signatures.get(name)
    if signature is None:
        raise invalid_argument(f"No signature was found with the name: {name}")
    return name, signature


def _arrays(signature: SignatureDef, protos: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The values of a request: names are checked first, and repeated values are limited for all inputs together."""
    check_names(signature, protos)
    arrays, left = {}, tensors.MOST_REPEATED
    for alias, proto in protos.items():
        try:
            arrays[alias] = tensors.to_array(proto, most_repeated=left)
        except dtypes.TensorError:
            raise invalid_argument(f"tensor parsing error: {alias}") from None
        if arrays[alias].size > _FEW and arrays[alias].nbytes > proto.ByteSize():
            left -= arrays[alias].size
    return arrays


def _run(
    servable: Servable,
    signature: SignatureDef,
    inputs: Mapping[str, np.ndarray],
    output_filter: Collection[str],
    timeout_seconds: float | None,
    on_run: OnRun | None,
) -> dict[str, np.ndarray]:
    start = time.perf_counter()
    try:
        outputs = servable.run(signature, inputs, output_filter=output_filter, timeout_seconds=timeout_seconds)
    except UnicodeDecodeError as error:
        # TensorFlow's Python raises it instead of the status if the status quotes bytes of the request that are not
        # UTF-8, such as a tf.Example that does not parse. The text is in the error.
        raise invalid_argument(error.object.decode(errors="backslashreplace")) from None
    for alias, value in outputs.items():
        if type(value) is bytes:
            # A session returns a scalar string like this.
            outputs[alias] = np.array(value, dtype=object)
    if on_run:
        on_run((time.perf_counter() - start) * 1e6)
    return outputs
