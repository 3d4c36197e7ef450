"""gRPC server reflection, which the stock binary links (model_servers/BUILD since c140e011)."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, empty_pb2, unknown_fields

from tests.conformance.calls import SECONDS

pytestmark = [pytest.mark.tensorflow, pytest.mark.source("model_servers/BUILD", "grpc: reflection/v1/reflection.proto")]

# Fields of grpc/reflection/v1/reflection.proto.
FILE_BY_FILENAME, FILE_CONTAINING_SYMBOL, LIST_SERVICES = 3, 4, 7
FILE_DESCRIPTOR_RESPONSE, LIST_SERVICES_RESPONSE, ERROR_RESPONSE = 4, 6, 7


@pytest.fixture(params=["v1", "v1alpha"])
def ask(request, channel):
    """Asks one question on the wire; the answer's fields by number."""
    call = channel.stream_stream(f"/grpc.reflection.{request.param}.ServerReflection/ServerReflectionInfo")

    def ask(number: int, text: str) -> dict[int, list]:
        question = bytes([number << 3 | 2, len(text)]) + text.encode()
        (answer,) = call(iter([question]), timeout=SECONDS)
        return fields(answer)

    return ask


def fields(data: bytes) -> dict[int, list]:
    found: dict[int, list] = {}
    for field in unknown_fields.UnknownFieldSet(empty_pb2.Empty.FromString(data)):
        found.setdefault(field.field_number, []).append(field.data)
    return found


def test_services_are_listed(ask):
    (listed,) = ask(LIST_SERVICES, "")[LIST_SERVICES_RESPONSE]
    names = [fields(service)[1][0].decode() for service in fields(listed)[1]]
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"} < set(names)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (FILE_CONTAINING_SYMBOL, "tensorflow.serving.PredictionService"),
        (FILE_CONTAINING_SYMBOL, "tensorflow.serving.PredictionService.Predict"),
        (FILE_BY_FILENAME, "tensorflow_serving/apis/prediction_service.proto"),
    ],
)
def test_files_come_with_what_they_import(ask, number, text):
    (found,) = ask(number, text)[FILE_DESCRIPTOR_RESPONSE]
    files = [descriptor_pb2.FileDescriptorProto.FromString(data) for data in fields(found)[1]]
    names = {file.name for file in files}
    assert {"tensorflow_serving/apis/prediction_service.proto", "tensorflow/core/framework/tensor.proto"} < names
    assert {imported for file in files for imported in file.dependency} <= names


def test_what_is_not_there(ask):
    (error,) = ask(FILE_CONTAINING_SYMBOL, "nothing")[ERROR_RESPONSE]
    assert fields(error)[1] == [5]
