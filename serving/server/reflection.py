"""gRPC server reflection, as the C++ server has it: tools such as grpcurl ask the server for its services and messages.

The messages are those of grpc/reflection/v1/reflection.proto; v1alpha's differ in the package alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor

from serving.proto_files import BYTES, INT32, STRING, Fields, Method, file_of, pool_of

_PACKAGES = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
_REQUEST, _RESPONSE = "ServerReflectionRequest", "ServerReflectionResponse"
_MESSAGES: dict[str, Fields] = {
    _REQUEST: {
        "host": (1, STRING),
        "file_by_filename": (3, STRING),
        "file_containing_symbol": (4, STRING),
        "file_containing_extension": (5, "ExtensionRequest"),
        "all_extension_numbers_of_type": (6, STRING),
        "list_services": (7, STRING),
    },
    "ExtensionRequest": {"containing_type": (1, STRING), "extension_number": (2, INT32)},
    _RESPONSE: {
        "valid_host": (1, STRING),
        "original_request": (2, _REQUEST),
        "file_descriptor_response": (4, "FileDescriptorResponse"),
        "all_extension_numbers_response": (5, "ExtensionNumberResponse"),
        "list_services_response": (6, "ListServiceResponse"),
        "error_response": (7, "ErrorResponse"),
    },
    "FileDescriptorResponse": {"file_descriptor_proto": (1, [BYTES])},
    "ExtensionNumberResponse": {"base_type_name": (1, STRING), "extension_number": (2, [INT32])},
    "ListServiceResponse": {"service": (1, ["ServiceResponse"])},
    "ServiceResponse": {"name": (1, STRING)},
    "ErrorResponse": {"error_code": (1, INT32), "error_message": (2, STRING)},
}
_ONEOFS = {
    _REQUEST: {"message_request": list(_MESSAGES[_REQUEST])[1:]},
    _RESPONSE: {"message_response": list(_MESSAGES[_RESPONSE])[2:]},
}
_INFO = Method(name="ServerReflectionInfo", request=_REQUEST, response=_RESPONSE, streaming=True)
# A stream stays open as long as its client likes, so streams do not take the threads of other requests.
_STREAMS = 2


class Reflection:
    """Answers questions about the services of a server.

    Args:
        services: full names of the server's services.
        pools: where they and their messages are defined, besides protobuf's own pool.
    """

    def __init__(self, services: Sequence[str], *, pools: Sequence[descriptor_pool.DescriptorPool] = ()):
        self._own = pool_of(
            *(
                file_of(package, _MESSAGES, oneofs=_ONEOFS, services={"ServerReflection": [_INFO]})
                for package in _PACKAGES
            )
        )
        self._services = sorted([*services, *(f"{package}.ServerReflection" for package in _PACKAGES)])
        self._pools = [descriptor_pool.Default(), *pools, self._own]
        self._threads = futures.ThreadPoolExecutor(_STREAMS, thread_name_prefix="reflection")
        self._open: set[grpc.ServicerContext] = set()
        self._lock = threading.Lock()

    def register(self, server: grpc.Server) -> None:
        """Answer on ``server``."""
        for package in _PACKAGES:
            request, response = (
                message_factory.GetMessageClass(self._own.FindMessageTypeByName(f"{package}.{name}"))
                for name in (_REQUEST, _RESPONSE)
            )
            handler = grpc.stream_stream_rpc_method_handler(
                self._behavior(response),
                request_deserializer=request.FromString,
                response_serializer=response.SerializeToString,
            )
            name = f"{package}.ServerReflection"
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {_INFO.name: handler}),))

    def close(self) -> None:
        """End all streams, which would hold up the end of the server."""
        with self._lock:
            contexts = list(self._open)
        for context in contexts:
            context.cancel()

    def _behavior(self, response: Any) -> Any:
        def answer(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            with self._lock:
                self._open.add(context)
            try:
                for request in requests:
                    yield self._answer(request, response)
            finally:
                with self._lock:
                    self._open.discard(context)

        # gRPC Python (1.85) has no other way to give a method its own threads.
        vars(answer)["experimental_thread_pool"] = self._threads
        return answer

    def _answer(self, request: Any, response: Any) -> Any:
        answer = response(valid_host=request.host)
        answer.original_request.CopyFrom(request)
        kind = request.WhichOneof("message_request")
        try:
            if kind == "list_services":
                for name in self._services:
                    answer.list_services_response.service.add(name=name)
            elif kind == "file_by_filename":
                self._put(answer, lambda pool: pool.FindFileByName(request.file_by_filename))
            elif kind == "file_containing_symbol":
                self._put(answer, lambda pool: _file(pool, request.file_containing_symbol))
            elif kind == "file_containing_extension":
                wanted = request.file_containing_extension
                self._put(answer, lambda pool: _extension(pool, wanted.containing_type, wanted.extension_number).file)
            elif kind == "all_extension_numbers_of_type":
                self._put_numbers(answer.all_extension_numbers_response, request.all_extension_numbers_of_type)
            else:
                _refuse(answer, grpc.StatusCode.INVALID_ARGUMENT, "the request asks for nothing")
        except KeyError:
            _refuse(answer, grpc.StatusCode.NOT_FOUND, f"{getattr(request, kind)}: not found")
        return answer

    def _find(self, look: Any) -> Any:
        for pool in self._pools:
            try:
                return look(pool)
            except KeyError:
                continue
        raise KeyError

    def _put(self, answer: Any, look: Any) -> None:
        """The file and everything it imports."""
        files: dict[str, bytes] = {}

        def add(file: FileDescriptor) -> None:
            if file.name not in files:
                files[file.name] = file.serialized_pb
                for dependency in file.dependencies:
                    add(dependency)

        add(self._find(look))
        answer.file_descriptor_response.file_descriptor_proto.extend(files.values())

    def _put_numbers(self, answer: Any, name: str) -> None:
        def numbers(pool: descriptor_pool.DescriptorPool) -> list[int]:
            return [each.number for each in pool.FindAllExtensions(pool.FindMessageTypeByName(name))]

        answer.base_type_name = name
        answer.extension_number.extend(self._find(numbers))


def _file(pool: descriptor_pool.DescriptorPool, symbol: str) -> FileDescriptor:
    try:
        return pool.FindFileContainingSymbol(symbol)
    except KeyError:
        # Protobuf's C parser does not find methods there.
        return pool.FindMethodByName(symbol).containing_service.file


def _extension(pool: descriptor_pool.DescriptorPool, name: str, number: int) -> Any:
    return pool.FindExtensionByNumber(pool.FindMessageTypeByName(name), number)


def _refuse(answer: Any, code: grpc.StatusCode, text: str) -> None:
    answer.error_response.error_code = code.value[0]
    answer.error_response.error_message = text
