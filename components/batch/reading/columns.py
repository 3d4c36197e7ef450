"""Columns of a file as the inputs of a columnar signature: what a client would send, by column instead of by value.

What Arrow cannot convert as a whole goes through the client's own conversion, value by value, so that both accept and
refuse the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.example_gen.pictures.files import NoPicture, content, is_picture, leads_out, located
from components.example_gen.readers import csv_cells
from components.example_gen.readers.csv_cells import NotOfType
from components.example_gen.readers.schemas import is_list
from components.example_gen.readers.values import iso_text
from components.example_gen.reading import CsvOptions
from components.messages import one_line, shown
from serving.client.messages import columns as client
from serving.client.messages.examples import Features, RowFeature
from serving.client.messages.values import MISSING, is_missing

# Files of a bucket come one by one only as fast as its answers.
_THREADS = 8
_KINDS = {"f": "FLOAT", "i": "INT"}


class Unfit(Exception):
    """Rows whose values the model does not take.

    Attributes:
        reasons: by the row's index in the batch.
    """

    def __init__(self, reasons: Mapping[int, str]):
        super().__init__()
        self.reasons = reasons


def inputs(batch: pa.RecordBatch, features: Features, options: CsvOptions) -> dict[str, np.ndarray]:
    """One array per feature, ``[rows, ...]``, with the client's `MISSING` where a value is missing.

    Args:
        batch: a column per feature, at least.
        features: of the signature.
        options: how numbers in texts are written.

    Raises:
        Unfit: names all rows that do not fit.
    """
    arrays: dict[str, np.ndarray] = {}
    reasons: dict[int, str] = {}
    for name, feature in features.items():
        try:
            arrays[name] = _array(batch.column(name), name, feature, options)
        except Unfit as error:
            reasons = {**error.reasons, **reasons}
    if reasons:
        raise Unfit(reasons)
    return arrays


def with_pictures(batch: pa.RecordBatch, names: Sequence[str], folders: Sequence[str]) -> pa.RecordBatch:
    """The rows with the bytes of the pictures whose paths ``names`` hold.

    Args:
        batch: the rows.
        names: columns of paths.
        folders: of each row, where relative paths begin.

    Raises:
        Unfit: names all rows whose picture cannot be read.
    """
    reasons: dict[int, str] = {}

    def read(name: str, row: int, path: object) -> bytes | None:
        if is_missing(path):
            return None
        if isinstance(path, bytes) and is_picture(path):
            return path
        text = path.decode(errors="replace") if isinstance(path, bytes) else str(path)
        try:
            if leads_out(folders[row], text):
                raise NoPicture("which leads out of the table's folder; write an absolute path or a URI")
            return content(located(folders[row], text) or text)
        except NoPicture as error:
            reasons.setdefault(row, f"{name} is {shown(one_line(text, limit=120), limit=120)}, {error}")
            return None

    columns = {name: batch.column(name) for name in batch.schema.names}
    with ThreadPoolExecutor(_THREADS) as pool:
        for name in names:
            values = columns[name].to_pylist()
            found = pool.map(read, [name] * len(values), range(len(values)), values)
            columns[name] = pa.array(list(found), pa.large_binary())
    if reasons:
        raise Unfit(reasons)
    return pa.record_batch(columns)


def _check_present(column: pa.Array, name: str) -> None:
    """Refuse the rows without a column that the model cannot do without, in the client's words."""
    missing = column.is_null()
    if is_list(column.type):
        missing = pc.or_kleene(missing, pc.equal(pc.list_value_length(column), 0))
    elif _is_text(column.type):
        missing = pc.or_kleene(missing, pc.equal(pc.binary_length(column), 0))
    if rows := pc.indices_nonzero(pc.fill_null(missing, True)).to_pylist():
        raise Unfit(dict.fromkeys(rows, f"{name}: is missing, and {client.NEEDED}"))


def _array(column: pa.Array, name: str, feature: RowFeature, options: CsvOptions) -> np.ndarray:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if feature.holds.required:
        _check_present(column, name)
    if is_list(column.type):
        flat, shape = _flat(column, feature)
        if flat is None:
            return _by_value(column.to_pylist(), name, feature)
        plain = _plain(flat, feature, options)
        return _by_value(column.to_pylist(), name, feature) if plain is None else plain.reshape(shape)
    plain = _plain(column, feature, options) if feature.shape == () else None
    if plain is None and _is_text(column.type) and feature.dtype.kind in "fi" and _written_otherwise(options):
        return _by_value(_numbers(column, feature.dtype, options), name, feature)
    if plain is None and feature.holds.dates and _is_date(column.type):
        # Python has no dates beyond the year 9999.
        return _by_value(list(column.to_numpy(zero_copy_only=False)), name, feature)
    return _by_value(column.to_pylist(), name, feature) if plain is None else plain


def _flat(column: pa.Array, feature: RowFeature) -> tuple[pa.Array | None, list[int]]:
    """The values of lists that all have the right length, and the shape of the result; None if some have another."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = column.flatten()
    if feature.shape == () and lengths.max(initial=0) <= 1:
        places = np.maximum(np.cumsum(lengths) - 1, 0)
        return values.take(pa.array(places, mask=lengths == 0)), [-1]
    if feature.shape and _is_whole(values) and (lengths == np.prod(feature.shape)).all():
        return values, [-1, *feature.shape]
    return None, []


def _is_whole(values: pa.Array) -> bool:
    """Whether no value of a list is missing: ingest and the client refuse that."""
    is_float = pa.types.is_floating(values.type)
    return not values.null_count and not (is_float and pc.any(pc.is_nan(values.cast(pa.float64()))).as_py())


def _plain(column: pa.Array, feature: RowFeature, options: CsvOptions) -> np.ndarray | None:
    """Single values, all at once; None if they are not, or one does not fit."""
    dtype = feature.dtype
    if dtype.kind == "O":
        return _texts(column, feature)
    if dtype not in (np.float32, np.float64, np.int64):
        return None
    try:
        if _is_text(column.type):
            column = _parsed(column.cast(pa.string()), dtype, options)
        elif pa.types.is_temporal(column.type):
            return None
        return _floats(column, dtype) if dtype.kind == "f" else _integers(column)
    except (NotOfType, pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _floats(column: pa.Array, dtype: np.dtype) -> np.ndarray | None:
    numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    fits = np.isinf(numbers) | ~(np.abs(numbers) > np.finfo(dtype).max)
    return numbers.astype(dtype) if fits.all() else None


def _integers(column: pa.Array) -> np.ndarray | None:
    if pa.types.is_floating(column.type):
        # As pandas writes integers beside missing ones.
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        missing = np.isnan(numbers)
        whole = missing | ((numbers == np.trunc(numbers)) & (np.abs(numbers) < 2.0**63))
        return np.where(missing, MISSING["i"], np.where(missing, 0, numbers).astype(np.int64)) if whole.all() else None
    return pc.fill_null(column.cast(pa.int64()), MISSING["i"]).to_numpy(zero_copy_only=False)


def _texts(column: pa.Array, feature: RowFeature) -> np.ndarray | None:
    kind = column.type
    if _is_date(kind):
        if feature.holds.date_format or (feature.holds.dates and not _of_four_digits(column)):
            return None
        column = iso_text(column)
    elif not (_is_text(kind) or pa.types.is_null(kind)):
        return None
    return pc.fill_null(column.cast(pa.large_binary()), MISSING["O"]).to_numpy(zero_copy_only=False)


def _is_date(kind: pa.DataType) -> bool:
    return pa.types.is_date(kind) or pa.types.is_timestamp(kind)


def _of_four_digits(column: pa.Array) -> bool:
    """Whether ISO text can express the year of each date."""
    times = column.drop_null().to_numpy(zero_copy_only=False).astype("datetime64[Y]")
    return not len(times) or np.datetime64("0001") <= times.min() <= times.max() <= np.datetime64("9999")


def _is_text(kind: pa.DataType) -> bool:
    return any(
        matches(kind)
        for matches in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_binary_view,
        )
    )


def _written_otherwise(options: CsvOptions) -> bool:
    """Whether numbers are not written as the client reads them."""
    return options.thousands is not None or options.decimal != "."


def _parsed(cells: pa.Array, dtype: np.dtype, options: CsvOptions) -> pa.Array:
    """Texts as numbers; an error of Arrow's or `NotOfType` if one is none."""
    if _written_otherwise(options):
        return csv_cells.converted(cells, _KINDS[dtype.kind], options, integer=True)
    if dtype.kind == "i" and pc.any(pc.match_substring(cells, "x", ignore_case=True)).as_py():
        # Arrow would read hexadecimal numbers.
        raise pa.ArrowInvalid
    return cells.cast(pa.float64() if dtype.kind == "f" else pa.int64())


def _numbers(cells: pa.Array, dtype: np.dtype, options: CsvOptions) -> list[object]:
    """Each text as the number that it means, and as it is where it means none."""

    def number(text: str | None) -> object:
        try:
            return csv_cells.converted(pa.array([text], pa.string()), _KINDS[dtype.kind], options, integer=True)[
                0
            ].as_py()
        except NotOfType:
            return text

    return [number(text) for text in cells.cast(pa.string()).to_pylist()]


def _by_value(values: Sequence[object], name: str, feature: RowFeature) -> np.ndarray:
    try:
        return client.array(values, name, feature.dtype, shape=feature.shape, holds=feature.holds)
    except ValueError:
        reasons = {}
        for index, value in enumerate(values):
            try:
                client.array([value], name, feature.dtype, shape=feature.shape, holds=feature.holds)
            except ValueError as error:
                # Of a single row the message begins with "row 0, ".
                reasons[index] = one_line(str(error).partition(", ")[2])
        raise Unfit(reasons) from None
