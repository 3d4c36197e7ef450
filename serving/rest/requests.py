"""REST's JSON requests as tensors and tf.Examples, with the rules and texts of util/json_tensor.cc."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serving.client.messages.examples import Features
from serving.rest import rapidjson, raw_columns
from serving.rest.shown import is_integer, shown
from serving.rest.values import (
    FLOAT,
    JsonError,
    array,
    decode_base64,
    is_base64,
    is_object,
    shape_of,
    string_bytes,
    type_name,
)


def parse(body: bytes) -> dict[str, Any]:
    """The object in a request's body.

    Raises:
        JsonError: the body is not JSON, or not an object.
    """
    if not body:
        raise JsonError("JSON Parse error: The document is empty")
    try:
        document = rapidjson.parse(body)
    except rapidjson.ParseError as error:
        raise JsonError(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise JsonError(f"JSON Value: {shown(document)} Is not object")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """The ``signature_name`` of a request, or an empty text."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise JsonError(
            f"JSON Value: {shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return _utf8(name)


def is_row(document: Mapping[str, Any]) -> bool:
    """Whether a predict request is in row format (``instances``) rather than columnar (``inputs``).

    Raises:
        JsonError: the request has both keys or neither.
    """
    if "instances" in document and "inputs" in document:
        raise JsonError(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' "
            "keys to exist "
        )
    if "instances" not in document and "inputs" not in document:
        raise JsonError("Missing 'inputs' or 'instances' key")
    return "instances" in document


def predict_inputs(
    document: Mapping[str, Any], dtypes: Mapping[str, int], columns: Features | None = None
) -> dict[str, np.ndarray]:
    """The tensors of a predict request in either format.

    Args:
        document: the request.
        dtypes: the DataType number of every input of the signature.
        columns: the raw columns that the signature takes; None: tensors, with TF Serving's rules.

    Raises:
        JsonError: a value does not fit; the text says which.
    """
    if not is_row(document):
        inputs = document["inputs"]
        return raw_columns.from_inputs(inputs, columns) if columns else _from_inputs(inputs, dtypes)
    instances = document["instances"]
    if not isinstance(instances, list):
        raise JsonError(f"JSON Value: {shown(document)} Expecting 'instances' to be an list/array")
    if not instances:
        raise JsonError(f"JSON Value: {shown(document)} No values in 'instances' array")
    return raw_columns.from_instances(instances, columns) if columns else _from_instances(instances, dtypes)


def fill_input(document: Mapping[str, Any], input_: Any, columns: Features | None = None) -> None:
    """Fill the Input of a classify or regress request with its examples and, if it has one, its context.

    Args:
        document: the request.
        input_: the Input.
        columns: the raw columns that the model takes; None: values are written by their JSON type alone.

    Raises:
        JsonError: they are missing or not features; the text says which.
    """
    if "context" in document:
        input_.example_list_with_context.context.SetInParent()
        _fill_example(document["context"], input_.example_list_with_context.context, columns, "context")
    examples = document.get("examples")
    if "examples" not in document:
        raise JsonError(
            f"JSON Value: {shown(document)} When method is classify, key 'examples' is expected and was not found"
        )
    if not isinstance(examples, list):
        raise JsonError(f"JSON Value: {shown(document)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise JsonError(f"JSON Value: {shown(document)} 'examples' value is an empty array")
    filled = input_.example_list_with_context if "context" in document else input_.example_list
    for index, example in enumerate(examples):
        _fill_example(example, filled.examples.add(), columns, f"row {index}")


def _fill_example(value: Any, example: Any, columns: Features | None, where: str) -> None:
    if not isinstance(value, dict):
        raise JsonError(f"Example must be JSON object but got JSON {type_name(value)}")
    if columns:
        value = raw_columns.fill(example, value, columns, where=where)
    for name, content in value.items():
        values = content if isinstance(content, list) else [content]
        kind = _kind(name, values)
        feature = example.features.feature[_utf8(name)]
        if kind == "bytes":
            feature.bytes_list.value.extend(
                string_bytes(entry) if isinstance(entry, str) else decode_base64(entry) for entry in values
            )
        elif kind == "float":
            feature.float_list.value.extend(array(values, FLOAT).tolist())
        elif kind:
            feature.int64_list.value.extend(map(int, values))


def _kind(name: str, values: Sequence[Any]) -> str:
    """The kind of feature for some values; empty without values."""
    wanted = ""
    for value in values:
        kind = _kind_of(name, value)
        wanted = wanted or kind
        if kind != wanted:
            raise JsonError(f"Unexpected element type in feature: {name} expecting type: {wanted}")
        if kind == "int64" and value >= 2**63:
            raise JsonError(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
    return wanted


def _kind_of(name: str, value: Any) -> str:
    if isinstance(value, str) or is_base64(value):
        return "bytes"
    if isinstance(value, bool):
        return "int64"
    if not isinstance(value, int | float):
        raise JsonError(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
    return "int64" if is_integer(value) else "float"


def _utf8(name: str) -> str:
    """A name that a protobuf string can hold."""
    return name.encode("utf-8", "replace").decode()


def _from_inputs(value: Any, dtypes: Mapping[str, int]) -> dict[str, np.ndarray]:
    if not is_object(value):
        if len(dtypes) > 1:
            raise JsonError(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        value = {name: value for name in dtypes}
    arrays = {}
    for name, dtype in sorted(dtypes.items()):
        if name not in value:
            raise JsonError(f"Missing named input: {name} in 'inputs' object.")
        arrays[name] = array(value[name], dtype).reshape(shape_of(value[name]))
    return arrays


def _from_instances(instances: Sequence[Any], dtypes: Mapping[str, int]) -> dict[str, np.ndarray]:
    if not isinstance(instances[0], dict) and len(dtypes) > 1:
        raise JsonError(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    columns = {name: _Column(dtype) for name, dtype in sorted(dtypes.items())}
    named = is_object(instances[0])
    for index, element in enumerate(instances):
        if is_object(element) != named:
            wanted, got = ("object", "list") if named else ("value/list", "object")
            raise JsonError(f"Expecting {wanted} but got {got} at item {index} of input list")
        if named:
            _add_object(columns, index, element)
            continue
        try:
            next(iter(columns.values())).add(element)
        except JsonError as error:
            raise _element_error(index, "", error) from None
    return {name: column.array(len(instances)) for name, column in columns.items()}


def _add_object(columns: Mapping[str, _Column], index: int, element: Mapping[str, Any]) -> None:
    for name, value in element.items():
        try:
            if name not in columns:
                raise JsonError(f"JSON object: does not have named input: {name}")
            columns[name].add(value)
        except JsonError as error:
            raise _element_error(index, f" key: {name}", error) from None
    if len(element) != len(columns):
        raise JsonError(
            f"Failed to process element: {index} of 'instances' list. JSON object: {shown(element)} "
            f"keys must be equal to: {','.join(columns)}"
        )


def _element_error(index: int, key: str, error: JsonError) -> JsonError:
    return JsonError(f"Failed to process element: {index}{key} of 'instances' list. Error: {error.code.name}: {error}")


@dataclass
class _Column:
    """The values of one input over all rows, which must have the same shape."""

    dtype: int
    shape: tuple[int, ...] = ()
    size: int = 0
    parts: list[np.ndarray] = field(default_factory=list)

    def add(self, value: Any) -> None:
        shape, part = shape_of(value), array(value, self.dtype)
        if not self.parts:
            self.shape, self.size = shape, len(part)
        elif len(part) != self.size:
            raise JsonError(f"Expecting tensor size: {self.size} but got: {len(part)}")
        elif shape != self.shape:
            raise JsonError(f"Expecting shape {_bare(self.shape)} but got: {_bare(shape)}")
        self.parts.append(part)

    def array(self, rows: int) -> np.ndarray:
        return np.concatenate(self.parts).reshape((rows, *self.shape))


def _bare(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
