"""Malformed requests of all kinds, and the codes that a server may answer."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from grpc import StatusCode
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    predict_pb2,
    regression_pb2,
)

from tests.conformance.calls import (
    REGRESS,
    classify_request,
    example,
    example_list,
    multi_request,
    predict_request,
    regress_request,
    spec,
    tensor,
)

_PREDICTION, _MODEL = "/tensorflow.serving.PredictionService", "/tensorflow.serving.ModelService"
REQUESTS = {
    f"{_PREDICTION}/Predict": predict_pb2.PredictRequest,
    f"{_PREDICTION}/Classify": classification_pb2.ClassificationRequest,
    f"{_PREDICTION}/Regress": regression_pb2.RegressionRequest,
    f"{_PREDICTION}/MultiInference": inference_pb2.MultiInferenceRequest,
    f"{_PREDICTION}/GetModelMetadata": get_model_metadata_pb2.GetModelMetadataRequest,
    f"{_MODEL}/GetModelStatus": get_model_status_pb2.GetModelStatusRequest,
}
_INVALID = frozenset({StatusCode.INVALID_ARGUMENT})
# Parts of a request: valid, or without a model, signature, method or example.
_PARSED = _INVALID | {StatusCode.OK, StatusCode.NOT_FOUND, StatusCode.FAILED_PRECONDITION, StatusCode.UNIMPLEMENTED}
# Bytes that do not parse never reach the servicer; gRPC answers, in C++ and in Python.
_UNPARSED = frozenset({StatusCode.INTERNAL})


@dataclass(frozen=True)
class Malformed:
    """One request.

    Attributes:
        method: the gRPC method.
        message: the bytes.
        codes: any of these is right.
    """

    method: str
    message: bytes
    codes: Collection[StatusCode]


def malformed(count: int, *, model: str, seed: int = 0) -> Iterator[Malformed]:
    """Requests of all kinds in turn, the same ones for the same seed."""
    choice = random.Random(seed)
    kinds = (_random_bytes, _cut_off, _flipped, _wrong_dtype, _wrong_shape, _wrong_values, _huge_claim, _bad_examples)
    for index in range(count):
        yield kinds[index % len(kinds)](choice, model)


def _judged(method: str, message: bytes) -> Malformed:
    """The protobuf runtime's own parser decides whether the bytes are a message."""
    try:
        REQUESTS[method].FromString(message)
    except Exception:  # noqa: BLE001 (DecodeError's place differs between protobuf's implementations)
        return Malformed(method, message, _UNPARSED)
    return Malformed(method, message, _PARSED)


def _good(choice: random.Random, model: str) -> tuple[str, bytes]:
    given = example_list(example(x=2.0))
    requests = {
        "Predict": predict_request(spec(model), x=tensor([2.0], shape=[1, 1])),
        "Classify": classify_request(spec(model, signature="classify_x_to_y"), given),
        "Regress": regress_request(spec(model, signature="regress_x_to_y"), given),
        "MultiInference": multi_request(given, (spec(model, signature="regress_x_to_y"), REGRESS)),
    }
    name = choice.choice(list(requests))
    return f"{_PREDICTION}/{name}", requests[name].SerializeToString()


def _random_bytes(choice: random.Random, model: str) -> Malformed:
    return _judged(choice.choice(list(REQUESTS)), choice.randbytes(choice.randrange(1, 300)))


def _cut_off(choice: random.Random, model: str) -> Malformed:
    method, message = _good(choice, model)
    return _judged(method, message[: choice.randrange(len(message))])


def _flipped(choice: random.Random, model: str) -> Malformed:
    method, message = _good(choice, model)
    changed = bytearray(message)
    for _ in range(choice.randrange(1, 4)):
        changed[choice.randrange(len(changed))] ^= 1 << choice.randrange(8)
    return _judged(method, bytes(changed))


def _predict(model: str, x: object) -> Malformed:
    return Malformed(f"{_PREDICTION}/Predict", predict_request(spec(model), x=x).SerializeToString(), _INVALID)


def _wrong_dtype(choice: random.Random, model: str) -> Malformed:
    values, dtype = choice.choice(
        [
            ([2.0], types_pb2.DT_DOUBLE),
            ([2], types_pb2.DT_INT64),
            ([True], types_pb2.DT_BOOL),
            ([b"2", b"\xff" * choice.randrange(1000)], types_pb2.DT_STRING),
        ]
    )
    return _predict(model, tensor(values, dtype))


def _wrong_shape(choice: random.Random, model: str) -> Malformed:
    return _predict(model, tensor([2.0], shape=[choice.choice([-1, -(2**40)]), *[1] * choice.randrange(5)]))


def _wrong_values(choice: random.Random, model: str) -> Malformed:
    """Bytes that do not fill the shape."""
    return _predict(model, _content(choice.choice([1, 7, 9, 4096])))


def _content(size: int) -> tensor_pb2.TensorProto:
    proto = tensor([], shape=[2])
    proto.tensor_content = b"\x00" * size
    return proto


def huge(model: str) -> Iterator[Malformed]:
    """Megabytes that do not fill the shape, and megabytes that do not parse."""
    for size in (5_000_001, 10_000_000, 15_000_002):
        yield _predict(model, _content(size))
        yield _judged(f"{_PREDICTION}/Predict", b"\xff" * size)


def _huge_claim(choice: random.Random, model: str) -> Malformed:
    """A few bytes that ask for terabytes, for more elements than 64 bits count, or for a little of it many times."""
    if choice.random() < 0.3:
        many = {f"x{index}": tensor([b"2"], types_pb2.DT_STRING, shape=[2**22]) for index in range(20)}
        return Malformed(f"{_PREDICTION}/Predict", predict_request(spec(model), **many).SerializeToString(), _INVALID)
    shape = choice.choice([[2**40], [2**31, 2**31], [2**62, 2**62], [2**63 - 1, 2]])
    return _predict(model, tensor([2.0], shape=shape))


def _bad_examples(choice: random.Random, model: str) -> Malformed:
    bad = choice.choice([example_list(), example_list(example(x=b"2")), example_list(example(z=1.0))])
    request = regress_request(spec(model, signature="regress_x_to_y"), bad)
    return Malformed(f"{_PREDICTION}/Regress", request.SerializeToString(), _INVALID)
