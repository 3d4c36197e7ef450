"""CSV files with a header line, as record batches."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import csv as arrow_csv

from components.example_gen.readers import csv_cells, csv_text
from components.example_gen.readers.csv_cells import NotOfType
from components.example_gen.readers.lent_text import LentText, wait_until_released
from components.example_gen.readers.schemas import check_same_names
from components.example_gen.readers.values import BadValue, check_weight, finite, is_utf8, not_whole
from components.example_gen.reading import CsvOptions, Reading
from components.messages import shown
from components.refusal import GateRefused

# Bytes that are read at a time. Each block costs some time for each column, so that those of wide tables are larger.
_BLOCK, _COLUMNS, _MOST_BLOCKS = 2 * 2**20, 100, 16


def header(path: str, open_file: csv_text.Open, reading: Reading) -> tuple[str, ...]:
    """The names of the columns.

    Raises:
        GateRefused: there is no header line, or its names are not what they should be.
    """
    with csv_text.opened(path, open_file, reading.csv) as (_, layout):
        return layout.names


def common_header(paths: Sequence[str], open_file: csv_text.Open, reading: Reading) -> tuple[str, ...]:
    """The names of the columns of all files, in the order of the first.

    Raises:
        GateRefused: as `header`, or the files differ in their columns.
    """
    first = header(paths[0], open_file, reading)
    for path in paths[1:]:
        check_same_names(path, header(path, open_file, reading), paths[0], first)
    return first


def column_types(paths: Sequence[str], open_file: csv_text.Open, reading: Reading) -> dict[str, str]:
    """The types of the columns, see `csv_cells`: those of the schema, and else the narrowest that holds all values.

    Raises:
        GateRefused: the files differ in their columns, or a column cannot be used as the config says.
    """
    names = common_header(paths, open_file, reading)
    types = {name: reading.types[name] for name in names if reading.types.get(name, "TYPE_UNKNOWN") != "TYPE_UNKNOWN"}
    # Files may be called 1, 2 and 3.
    types |= {name: "BYTES" for name in reading.pictures if name in names}
    for name, wanted in types.items():
        if wanted not in csv_cells.TYPES:
            raise GateRefused(
                f"the schema says that {shown(name)} is {wanted}, which a CSV file cannot hold; make it BYTES."
            )
    if unknown := [name for name in names if name not in types]:
        found = inferred_types(paths, open_file, unknown, reading)
        types |= {name: _fit_for_use(name, column, reading) for name, column in found.items()}
    return types


def record_batches(
    path: str, open_file: csv_text.Open, types: Mapping[str, str], reading: Reading
) -> Iterator[pa.RecordBatch]:
    """The rows; an empty cell is null.

    Raises:
        GateRefused: a line has too many or too few cells.
        BadValue: a cell of the next batch does not fit its column's type.
    """
    for _, batch in text_batches(path, open_file, reading):
        names = batch.schema.names
        yield pa.RecordBatch.from_arrays(
            [_values(name, batch.column(name), types[name], reading) for name in names], names
        )


def _values(name: str, cells: pa.Array, kind: str, reading: Reading) -> pa.Array:
    try:
        values = csv_cells.converted(cells, kind, reading.csv, integer=name in reading.integers)
    except NotOfType as error:
        fix = f"set data.csv.missing: [{error.text!r}]" if csv_cells.marks_missing(error.text) else "fix the row"
        raise BadValue(
            name, error.index, f"is {shown(error.text)}, but the schema says {kind}; {fix} or the schema"
        ) from None
    if name == reading.weight:
        check_weight(name, values)
    return finite(name, values, written=cells) if kind == "FLOAT" else values


@dataclass(frozen=True)
class CellType:
    """The type of a column's cells.

    Attributes:
        kind: the type.
        place: where the first cell is that no narrower type holds.
        text: that cell.
        way_out: options under which all of its cells would be numbers, or dates.
    """

    kind: str = "UNKNOWN"
    place: str = ""
    text: str = ""
    way_out: CsvOptions | None = None


def inferred_types(
    paths: Sequence[str], open_file: csv_text.Open, columns: Sequence[str], reading: Reading
) -> dict[str, CellType]:
    """The narrowest types that hold all values of ``columns`` in all files.

    Raises:
        GateRefused: a file cannot be read.
    """
    found = dict.fromkeys(columns, CellType())
    for path in paths:
        for rows, batch in text_batches(path, open_file, reading):
            for name in columns:
                if found[name].kind != "BYTES":
                    found[name] = _widened(found[name], name, batch.column(name), f"{path}, row", rows, reading)
    return found


def _widened(before: CellType, name: str, cells: pa.Array, place: str, rows: int, reading: Reading) -> CellType:
    kind, index = csv_cells.type_of(
        cells,
        reading.csv,
        integer=name in reading.integers,
        padded=name not in reading.numbers,
        known=before.kind,
    )
    if csv_cells.ORDER.index(kind) <= csv_cells.ORDER.index(before.kind):
        return before
    if index is None:
        return CellType(kind)
    way_out = csv_cells.way_out(cells) if kind == "BYTES" else None
    if way_out and way_out.missing:
        index = cells.index(way_out.missing[0]).as_py()
    text = cells[index].as_py()
    return CellType(kind, place=f"{place} {rows + index + 1} after the header", text=text, way_out=way_out)


def _fit_for_use(name: str, found: CellType, reading: Reading) -> str:
    """The type that was found, unless the config needs another."""
    if found.kind == "FLOAT" and name in reading.codes:
        raise GateRefused(f"{found.place}: {shown(name)} {not_whole(name, 0, found.text).reason}.")
    if found.kind == "BYTES" and name in reading.numbers:
        fix = f"set {_keys(found.way_out)}" if found.way_out else "fix the row, or choose another kind"
        raise GateRefused(
            f"{found.place}: {shown(name)} is {shown(found.text)}, but the config uses it as a number; {fix}."
        )
    if found.way_out and reading.guessed:
        what = "a value is missing there" if found.way_out.missing else "it is a number"
        raise GateRefused(
            f"{found.place}: {shown(name)} is {shown(found.text)}: set {_keys(found.way_out)} if {what}, or "
            "say under features what it is."
        )
    return found.kind


def _keys(options: CsvOptions) -> str:
    changed = options.model_dump(mode="json", exclude_defaults=True)
    return " and ".join(f"data.csv.{key}: {value!r}" for key, value in changed.items())


def text_batches(
    path: str,
    open_file: csv_text.Open,
    reading: Reading,
    *,
    columns: Collection[str] | None = None,
    skipped: list[arrow_csv.InvalidRow] | None = None,
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The cells as strings or null, with the number of rows before each batch.

    Args:
        path: path of the file.
        open_file: opens a path for reading bytes.
        reading: how the file is written.
        columns: the columns that are wanted; None for all.
        skipped: gets the rows with too many or too few cells, before the batch that they are left out of; the number
            of rows does not count them. If a delimiter ends each row, the batches have a column `csv_text.TRAILING`,
            see `behind`. None refuses such rows, and those with a value behind the last delimiter.

    Raises:
        GateRefused: the file cannot be read.
    """
    bad_rows: list[arrow_csv.InvalidRow] = [] if skipped is None else skipped

    def remember(row: arrow_csv.InvalidRow) -> str:
        bad_rows.append(row)
        return "error" if skipped is None else "skip"

    with csv_text.opened(path, open_file, reading.csv) as (stream, layout):
        text = LentText(stream)
        lent = (weakref.ref(text), weakref.ref(remember))
        block = _BLOCK * min(max(len(layout.cells) // _COLUMNS, 1), _MOST_BLOCKS)
        names = [name for name in layout.names if columns is None or name in columns]
        read = [*names, csv_text.TRAILING] if layout.trailing else names
        rows = 0
        try:
            for batch in arrow_csv.open_csv(
                pa.PythonFile(text, "r"),
                # Arrow reports row numbers only without threads.
                read_options=arrow_csv.ReadOptions(block_size=block, use_threads=False, column_names=layout.cells),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=remember
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=read,
                    column_types=dict.fromkeys(read, pa.string()),
                    null_values=["", *reading.csv.missing],
                    strings_can_be_null=True,
                ),
            ):
                yield rows, _sound(batch, names, path, rows) if skipped is None else batch
                rows += batch.num_rows
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return
            if "UTF8" in str(error):
                raise _not_utf8(path, open_file, reading.csv) from None
            raise GateRefused(f"{path}, {_reason(error, () if skipped else bad_rows, rows, block)}.") from None
        else:
            if text.quotes % 2:
                # Arrow has taken the rest of the file for one value.
                raise GateRefused(f"{path}: a quote is opened but never closed; fix the file.")
        finally:
            del text, remember
            wait_until_released(*lent)


def _sound(batch: pa.RecordBatch, names: Sequence[str], path: str, rows: int) -> pa.RecordBatch:
    """The named columns of a batch with ``rows`` rows before it, if none of its rows is wrong as a whole."""
    for index, reason in behind(batch):
        raise GateRefused(f"{path}, row {rows + index + 1} after the header {reason}; name it.")
    batch = batch.select(names)
    if (place := _header_again(batch, names)) is not None:
        raise GateRefused(f"{path}, row {rows + place + 1} after the header is the header again; drop it.")
    return batch


def behind(batch: pa.RecordBatch) -> Iterator[tuple[int, str]]:
    """The rows with a value behind the last delimiter: their index in the batch, and what is wrong with them."""
    if csv_text.TRAILING in batch.schema.names:
        cells = batch.column(csv_text.TRAILING)
        if cells.null_count < len(cells):
            for index, value in enumerate(cells.to_pylist()):
                if value is not None:
                    yield index, f"has {shown(value)} behind the last delimiter, in a column without a name"


def _header_again(batch: pa.RecordBatch, names: Sequence[str]) -> int | None:
    """The index of a row that is the header, as where files were put together; it would make texts of all numbers."""
    if len(names) < 2 or (place := batch.column(0).index(pa.scalar(names[0], pa.string())).as_py()) < 0:
        return None
    # A column may well hold its own name, but not each column in its first such row.
    same = all(column[place].as_py() == name for name, column in zip(names, batch.columns, strict=True))
    return place if same else None


def _reason(error: pa.ArrowInvalid, bad_rows: Sequence[arrow_csv.InvalidRow], rows: int, block: int) -> str:
    if bad_rows:
        row = bad_rows[0]
        hint = "; if it is the header, set data.csv.skip_lines or data.csv.comment" if row.number == 1 else ""
        return f"row {row.number} after the header {wrong_cells(row)}; fix the row or data.csv.delimiter{hint}"
    if "straddl" in str(error):
        return (
            f"after row {rows}: a row has more than {block // 2**20} MB; close its quotes, or store such values in a "
            "Parquet file"
        )
    return f"after row {rows}: not CSV ({' '.join(str(error).split())[:120]})"


def wrong_cells(row: arrow_csv.InvalidRow) -> str:
    """What is wrong with a row that has too many or too few cells, to follow its number."""
    return f"has {row.actual_columns} cells, the header has {row.expected_columns}: {shown(row.text)}"


def _not_utf8(path: str, open_file: csv_text.Open, options: CsvOptions) -> GateRefused:
    with csv_text.opened(path, open_file, options) as (stream, _):
        number, line = next((number, line) for number, line in enumerate(stream, 1) if not is_utf8(line))
    return GateRefused(
        f"{path}, line {number} after the header: {shown(line.strip())} is not UTF-8 text; set data.csv.encoding to "
        "the right one, such as cp1252 or latin-1."
    )
