"""Requests in TF Serving's own messages, and checks of the answers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from tensorflow.core.example import example_pb2
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

SECONDS = 20.0
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
_TYPED_FIELDS = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
    types_pb2.DT_HALF: "half_val",
    types_pb2.DT_BFLOAT16: "half_val",
    types_pb2.DT_COMPLEX64: "scomplex_val",
    types_pb2.DT_COMPLEX128: "dcomplex_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_QINT8: "int_val",
    types_pb2.DT_QUINT16: "int_val",
    types_pb2.DT_INT4: "int_val",
    types_pb2.DT_FLOAT8_E5M2: "float8_val",
}


def spec(
    name: str = "", *, version: int | None = None, label: str | None = None, signature: str = ""
) -> model_pb2.ModelSpec:
    """Which model, version and signature; empty parts are left out."""
    result = model_pb2.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        result.version.value = version
    if label is not None:
        result.version_label = label
    return result


def tensor(
    values: Sequence | bytes, dtype: int = types_pb2.DT_FLOAT, *, shape: Sequence[int] | None = None
) -> tensor_pb2.TensorProto:
    """A TensorProto with its values in the typed field; ``shape`` defaults to that of a vector."""
    proto = tensor_pb2.TensorProto(dtype=dtype, **{_TYPED_FIELDS[dtype]: values})
    for size in [len(values)] if shape is None else shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


def values_of(proto: tensor_pb2.TensorProto) -> list:
    """The values in the typed field."""
    return list(getattr(proto, _TYPED_FIELDS[proto.dtype]))


def shape_of(proto: tensor_pb2.TensorProto) -> list[int]:
    """The sizes of the dimensions."""
    return [dim.size for dim in proto.tensor_shape.dim]


def predict_request(
    model: model_pb2.ModelSpec, outputs: Sequence[str] = (), /, **inputs: tensor_pb2.TensorProto
) -> predict_pb2.PredictRequest:
    """Inputs by name, and the wanted outputs."""
    return predict_pb2.PredictRequest(model_spec=model, inputs=inputs, output_filter=outputs)


def example(**features: float | int | bytes) -> example_pb2.Example:
    """A tf.Example of single values."""
    result = example_pb2.Example()
    for name, value in features.items():
        kinds = {float: "float_list", int: "int64_list", bytes: "bytes_list"}
        getattr(result.features.feature[name], kinds[type(value)]).value.append(value)
    return result


def example_list(*examples: example_pb2.Example) -> input_pb2.Input:
    """The examples as a request's input."""
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))


def with_context(context: example_pb2.Example, *examples: example_pb2.Example) -> input_pb2.Input:
    """The examples, each of which also has the features of ``context``."""
    return input_pb2.Input(
        example_list_with_context=input_pb2.ExampleListWithContext(context=context, examples=examples)
    )


def classify_request(model: model_pb2.ModelSpec, given: input_pb2.Input) -> classification_pb2.ClassificationRequest:
    """A request to classify."""
    return classification_pb2.ClassificationRequest(model_spec=model, input=given)


def regress_request(model: model_pb2.ModelSpec, given: input_pb2.Input) -> regression_pb2.RegressionRequest:
    """A request to regress."""
    return regression_pb2.RegressionRequest(model_spec=model, input=given)


def multi_request(
    given: input_pb2.Input, *tasks: tuple[model_pb2.ModelSpec, str]
) -> inference_pb2.MultiInferenceRequest:
    """Tasks, each a model with its signature and a method, over one input."""
    return inference_pb2.MultiInferenceRequest(
        input=given,
        tasks=[inference_pb2.InferenceTask(model_spec=model, method_name=method) for model, method in tasks],
    )


@contextmanager
def refused(code: grpc.StatusCode, *texts: str, begins: str = "", holds: Sequence[str] = ()) -> Iterator[None]:
    """The call inside ends in ``code`` and a text.

    Args:
        code: the status code.
        texts: the whole text is one of these; none: any.
        begins: how the text begins.
        holds: what it has in it.
    """
    with pytest.raises(grpc.RpcError) as caught:
        yield
    said = caught.value.details()
    assert (caught.value.code(), said) == (code, said)
    assert not texts or said in texts
    assert said.startswith(begins)
    for part in holds:
        assert part in said


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer over REST.

    Attributes:
        status: the HTTP status.
        body: the parsed JSON, or the text if it is not JSON.
        headers: by lower-case name.
    """

    status: int
    body: Any
    headers: Mapping[str, str]


class Rest:
    """Calls the REST API of ``host:port``."""

    def __init__(self, target: str):
        self._target = target

    def get(self, path: str) -> Answer:
        """GET ``path``."""
        return self.call("GET", path)

    def post(self, path: str, body: object) -> Answer:
        """POST an object as JSON, or a text as it is."""
        return self.call("POST", path, body if isinstance(body, str) else json.dumps(body))

    def call(self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self._target, timeout=SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = text
        return Answer(
            status=response.status, body=parsed, headers={name.lower(): value for name, value in response.getheaders()}
        )


def ok(answer: Answer) -> Any:
    """The JSON of a successful answer."""
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    return answer.body


def error(answer: Answer, status: int = 400) -> str:
    """The text of a refusal."""
    assert answer.status == status, answer.body
    assert list(answer.body) == ["error"]
    return answer.body["error"]
