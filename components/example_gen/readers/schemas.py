"""What the headers of files tell: names and types of columns, equal in all files and fit for their use."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence

import pyarrow as pa

from components.example_gen.reading import Reading
from components.messages import shown
from components.refusal import GateRefused

_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_string_view,
    pa.types.is_binary_view,
    # As ISO text.
    pa.types.is_date,
    pa.types.is_timestamp,
)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


class UnsupportedColumn(GateRefused):
    """A column of a type that a tf.Example cannot hold."""


def check_names(names: Sequence[str]) -> None:
    """Refuse names that cannot be told apart or shown; all others are kept as they are.

    Raises:
        GateRefused: a name is empty, stands twice or has a control character.
    """
    for place, name in enumerate(names, 1):
        if not name:
            raise GateRefused(f"column {place} of {len(names)} has no name; name it")
        if any(unicodedata.category(character) == "Cc" for character in name):
            raise GateRefused(f"the name of column {place} has a control character: {shown(name)}; rename it")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise GateRefused(f"column {shown(twice)} occurs twice; rename one of them")


def check_same_names(path: str, names: Iterable[str], first_path: str, first_names: Iterable[str]) -> None:
    """Refuse two files that differ in their columns; the order is free.

    Raises:
        GateRefused: names a column and the file that lacks it.
    """
    names, first_names = set(names), set(first_names)
    for lacking, having, missing in ((path, first_path, first_names - names), (first_path, path, names - first_names)):
        if missing:
            more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
            raise GateRefused(
                f"{lacking} lacks the column {shown(min(missing))}{more}, which {having} has; all files need the same "
                "columns"
            )


def check_schemas(schemas: Iterable[tuple[str, pa.Schema]], reading: Reading) -> None:
    """Refuse Parquet and Arrow files that do not fit each other or the use of their columns.

    Args:
        schemas: path and schema of each file.
        reading: what the columns are used for.

    Raises:
        GateRefused: columns differ, have names or types that no tf.Example can hold, or are not what they are used as.
    """
    first_file: tuple[str, list[str]] | None = None
    types: dict[str, tuple[str, pa.DataType]] = {}
    for path, schema in schemas:
        try:
            check_names(schema.names)
            found = {field.name: feature_type(field, integers=reading.integers) for field in schema}
            for field in schema:
                _check_use(field, found[field.name], reading)
        except GateRefused as error:
            raise type(error)(f"{path}: {error.reason}") from None
        first_file = first_file or (path, schema.names)
        check_same_names(path, schema.names, *first_file)
        for name, kind in found.items():
            before, wanted = types.setdefault(name, (path, kind)) if kind else (path, None)
            if kind != wanted:
                raise GateRefused(
                    f"column {name!r} is {kind} in {path} but {wanted} in {before}; write one type to all files."
                )


def feature_type(field: pa.Field, *, integers: Collection[str] = ()) -> pa.DataType | None:
    """The type that a column's values become: int64, float or large_binary; None for a column of nulls only.

    Args:
        field: name and type of the column.
        integers: columns whose numbers become integers.

    Raises:
        UnsupportedColumn: names the column and its type.
    """
    kind = single_type(field.type)
    if pa.types.is_null(kind):
        return None
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pa.int64()
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pa.int64() if field.name in integers and not is_list(field.type) else pa.float32()
    if any(is_text(kind) for is_text in _TEXTS):
        return pa.large_binary()
    raise UnsupportedColumn(
        f"column {field.name!r} has the type {field.type}, but a tf.Example holds only numbers, texts, dates and lists "
        "of them; cast it to one of these"
    )


def is_list(kind: pa.DataType) -> bool:
    """Whether a row may hold several values."""
    return any(matches(kind) for matches in _LISTS)


def single_type(kind: pa.DataType) -> pa.DataType:
    """The type of one value: that of a dictionary's or a list's values."""
    if pa.types.is_dictionary(kind):
        return single_type(kind.value_type)
    return kind.value_type if is_list(kind) else kind


def _check_use(field: pa.Field, kind: pa.DataType | None, reading: Reading) -> None:
    """Refuse lists where one value is used, and text where a number is."""
    if field.name in (*reading.numbers, *reading.codes) and is_list(field.type):
        raise GateRefused(
            f"column {field.name!r} holds lists ({field.type}), but the config uses it as a single value; choose a "
            "kind for several values"
        )
    if field.name in reading.pictures and (is_list(field.type) or kind not in (pa.large_binary(), None)):
        raise GateRefused(
            f"column {field.name!r} is {field.type}, but data.pictures says that it holds paths of files, which are "
            "text, one a row; drop it there"
        )
    if field.name in reading.numbers and kind == pa.large_binary():
        raise GateRefused(
            f"column {field.name!r} is text ({field.type}), but the config uses it as a number; choose another kind"
        )
