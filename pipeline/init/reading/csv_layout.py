"""Finds how a CSV file is written: encoding, delimiter, lines before the header, an index, separators in numbers."""

from __future__ import annotations

import codecs
import csv
import gzip
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

from components.example_gen.readers import csv_cells, csv_files, csv_text, file_formats
from components.example_gen.readers.csv_files import CellType
from components.example_gen.readers.table_files import open_file
from components.example_gen.reading import CsvOptions, Reading
from components.refusal import GateRefused

_BLOCK = 2**20
_HEAD = 2**18
_ROWS = 100
_DELIMITERS = ",;\t|"
_RARE_DELIMITERS = "~^: "
_TITLE_LINES = 12
_NUMBERS = ("INT", "FLOAT")
_FEWEST_CLASSES = 2
# Marks of missing values that may be classes.
_CLASSES_AS_WELL = ("none", "null")


def found_options(path: str) -> CsvOptions:
    """The options under which a file is a table; the defaults where nothing better is found, which its reader refuses.

    Args:
        path: a file on this machine; one that ends in ``.gz`` is decompressed.

    Raises:
        GateRefused: the compressed bytes are damaged, so that nothing can be said of the text, or in an
            encoding that is not known.
    """
    try:
        encoding = _encoding(path)
        with _opened(path) as stream:
            head = stream.read(_HEAD)
    except csv_text.DAMAGED_GZIP as error:
        raise csv_text.damaged_gzip(path, error) from None
    except OSError:
        return CsvOptions()
    lines = head.decode(encoding, errors="replace").removeprefix("\ufeff").splitlines(keepends=True)
    options = {} if encoding == "utf-8" else {"encoding": encoding}
    found = next(_tables(lines[: len(lines) if len(head) < _HEAD else -1]), None)
    if found is None:
        return CsvOptions.model_validate(options)
    where, delimiter, names = found
    options |= where | ({"index": True} if not names[0] and len(names) > 1 else {})
    plain = CsvOptions.model_validate(options)
    return plain if _reads(path, plain, names) else plain.model_copy(update={"delimiter": delimiter})


def with_numbers(paths: Sequence[str], options: CsvOptions, *, label: str) -> tuple[CsvOptions, dict[str, CellType]]:
    """The options with separators in numbers and marks of missing values, and the types of all columns under them.

    Args:
        paths: the files.
        options: how they are written otherwise.
        label: the label's column, in which a mark is no class.

    Raises:
        GateRefused: a file cannot be read.
    """
    found, tried = _types(paths, options), set[CsvOptions]()
    while way_out := next(
        (each.way_out for each in found.values() if each.way_out and each.way_out not in tried), None
    ):
        tried.add(way_out)
        missing = tuple(dict.fromkeys((*options.missing, *way_out.missing)))
        changed = options.model_copy(update={**way_out.model_dump(exclude_defaults=True), "missing": missing})
        others = _types(paths, changed)
        before, after = (
            {name for name, column in types.items() if column.kind in _NUMBERS} for types in (found, others)
        )
        # A date with a mark between becomes no number.
        if before < after or (way_out.missing and before == after):
            options, found = changed, others
    if label in found and found[label].kind == "BYTES" and (marks := _unlabelled(paths, options, label)):
        options = options.model_copy(update={"missing": (*options.missing, *marks)})
        found = _types(paths, options)
    return options, found


def _unlabelled(paths: Sequence[str], options: CsvOptions, label: str) -> tuple[str, ...]:
    """What marks a missing value among the classes of a label, two of which are left without it."""
    reading, values = Reading(kind="csv", csv=options), set[str]()
    for path in paths:
        for _, batch in csv_files.text_batches(path, open_file, reading, columns=[label]):
            values |= set(batch.column(label).unique().drop_null().to_pylist())
    marks = {
        value for value in values if csv_cells.marks_missing(value) and value.strip().lower() not in _CLASSES_AS_WELL
    }
    return tuple(sorted(marks)) if len(values - marks) >= _FEWEST_CLASSES else ()


def _types(paths: Sequence[str], options: CsvOptions) -> dict[str, CellType]:
    reading = Reading(kind="csv", csv=options)
    names = csv_files.common_header(paths, open_file, reading)
    return csv_files.inferred_types(paths, open_file, names, reading)


def _opened(path: str) -> BinaryIO:
    stream = open_file(path)
    return cast("BinaryIO", gzip.open(stream)) if path.endswith(".gz") else stream


def _encoding(path: str) -> str:
    """UTF-8 if all of the file is; else what Windows writes.

    Raises:
        GateRefused: the file is neither. All bytes are Latin-1, but these would be control characters in it, so that a
            model would learn words that no request has.
    """
    decoders = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8", "cp1252")}
    with _opened(path) as stream:
        first = True
        while block := stream.read(_BLOCK):
            if first and (marked := csv_text.encoding_of_mark(block)):
                return marked
            first = False
            for name, decoder in tuple(decoders.items()):
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    del decoders[name]
    if "utf-8" in decoders:
        try:
            decoders["utf-8"].decode(b"", final=True)
        except UnicodeDecodeError:
            del decoders["utf-8"]
    if not decoders:
        other = file_formats.of_another(path, open_file) or "is text neither in UTF-8 nor in cp1252; write it in UTF-8"
        raise GateRefused(f"{path} {other}.")
    return next(iter(decoders))


def _tables(lines: Sequence[str]) -> Iterator[tuple[dict[str, Any], str, list[str]]]:
    """Where a header may be, by options; with a delimiter under which all rows are as long as it, and its names."""
    filled = [place for place, line in enumerate(lines) if line.strip()][:_TITLE_LINES]
    starts: list[tuple[int, dict[str, Any]]] = [(place, {"skip_lines": place}) for place in filled]
    if starts:
        # Blank lines before the header are always left out.
        starts[0] = (filled[0], {})
    comments = [place for place in filled if lines[place].startswith("#")]
    if comments and (behind := [place for place in filled if place not in comments]):
        starts.insert(1, (behind[0], {"comment": "#"}))
    for delimiters in (_DELIMITERS, _RARE_DELIMITERS):
        for place, where in starts:
            rows = {delimiter: _rows(lines[place:], delimiter) for delimiter in delimiters}
            fitting = {delimiter: some for delimiter, some in rows.items() if _is_table(some)}
            if fitting:
                delimiter = max(fitting, key=lambda each: len(fitting[each][0]))
                names = fitting[delimiter][0]
                # A line as long as the header is no title: the table begins there, and a row after it is wrong.
                if not any(len(row) == len(names) for row in _rows(lines[: where.get("skip_lines", 0)], delimiter)):
                    yield where, delimiter, names


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                found.append(row)
            if len(found) == _ROWS:
                break
    except csv.Error:
        pass
    return found


def _is_table(rows: list[list[str]]) -> bool:
    # A name that is missing at the end is a delimiter too many, which other lines may have, too.
    return len(rows) > 1 and len(rows[0]) > 1 and bool(rows[0][-1]) and {len(row) for row in rows} == {len(rows[0])}


def _reads(path: str, options: CsvOptions, names: Sequence[str]) -> bool:
    """Whether the reader finds these columns without a delimiter."""
    try:
        found = csv_files.header(path, open_file, Reading(kind="csv", csv=options))
    except GateRefused:
        return False
    return len(found) == len(names) - options.index - (not names[-1])
