"""Message definitions that no installed package ships, written as tables and kept in pools of their own.

A table has the fields of each message: name to number and type. A type is one of `STRING` and so on, or the name of a
message in the same file, or with a leading dot in any other; a list marks a repeated field, a `Map` one by strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool

_Field = descriptor_pb2.FieldDescriptorProto
STRING, BYTES, BOOL = _Field.TYPE_STRING, _Field.TYPE_BYTES, _Field.TYPE_BOOL
INT32, INT64, UINT32, UINT64 = _Field.TYPE_INT32, _Field.TYPE_INT64, _Field.TYPE_UINT32, _Field.TYPE_UINT64
FLOAT, DOUBLE = _Field.TYPE_FLOAT, _Field.TYPE_DOUBLE
Fields = Mapping[str, tuple[int, Any]]


@dataclass(frozen=True)
class Map:
    """A map from strings.

    Attributes:
        value: the type of its values.
    """

    value: Any


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method of a service; ``streaming`` both ways or not at all."""

    name: str
    request: str
    response: str
    streaming: bool = False


def file_of(
    package: str,
    messages: Mapping[str, Fields],
    *,
    oneofs: Mapping[str, Mapping[str, Iterable[str]]] | None = None,
    services: Mapping[str, Iterable[Method]] | None = None,
    dependencies: Iterable[str] = (),
) -> descriptor_pb2.FileDescriptorProto:
    """The definition of a proto3 file.

    Args:
        package: its package; the file's name is made of it.
        messages: the fields of each message; a dot in a message's name puts it into another one, which comes first.
        oneofs: by message, the fields of each oneof.
        services: the methods of each service.
        dependencies: names of imported files.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package.replace('.', '/')}.proto", package=package, syntax="proto3", dependency=dependencies
    )
    made: dict[str, descriptor_pb2.DescriptorProto] = {}
    for full_name, fields in messages.items():
        outer, _, name = full_name.rpartition(".")
        made[full_name] = kind = (made[outer].nested_type if outer else file.message_type).add(name=name)
        choices = list((oneofs or {}).get(full_name, {}).items())
        for choice, _ in choices:
            kind.oneof_decl.add(name=choice)
        chosen = {field: index for index, (_, names) in enumerate(choices) for field in names}
        for field, (number, type_) in fields.items():
            _add_field(kind, field, number, type_, scope=f".{package}.{full_name}", package=package)
            if field in chosen:
                kind.field[-1].oneof_index = chosen[field]
    for service, methods in (services or {}).items():
        declared = file.service.add(name=service)
        for method in methods:
            declared.method.add(
                name=method.name,
                input_type=_full(method.request, package),
                output_type=_full(method.response, package),
                client_streaming=method.streaming,
                server_streaming=method.streaming,
            )
    return file


def pool_of(*files: descriptor_pb2.FileDescriptorProto) -> descriptor_pool.DescriptorPool:
    """A pool with these files, dependencies first."""
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_field(
    kind: descriptor_pb2.DescriptorProto, name: str, number: int, type_: Any, *, scope: str, package: str
) -> None:
    label = _Field.LABEL_OPTIONAL
    if isinstance(type_, Map):
        entry = f"{''.join(part.capitalize() for part in name.split('_'))}Entry"
        nested = kind.nested_type.add(name=entry)
        nested.options.map_entry = True
        _add_field(nested, "key", 1, STRING, scope=scope, package=package)
        _add_field(nested, "value", 2, type_.value, scope=scope, package=package)
        label, type_ = _Field.LABEL_REPEATED, f"{scope}.{entry}"
    elif isinstance(type_, list):
        label, type_ = _Field.LABEL_REPEATED, type_[0]
    field = kind.field.add(name=name, number=number, label=label)
    if isinstance(type_, str):
        field.type, field.type_name = _Field.TYPE_MESSAGE, _full(type_, package)
    else:
        field.type = type_


def _full(name: str, package: str) -> str:
    return name if name.startswith(".") else f".{package}.{name}"
