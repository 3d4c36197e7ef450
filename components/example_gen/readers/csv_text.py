"""CSV files as UTF-8 text behind their header: decompression, encoding, lines before the header, and its names."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import pyarrow as pa

from components.example_gen.readers import file_formats
from components.example_gen.readers.schemas import check_names
from components.example_gen.reading import CsvOptions
from components.messages import shown
from components.refusal import GateRefused

# A header's line may be longer than any name; a file without line ends has no header.
_LINE = 4 * 2**20
_DELIMITERS = ",;\t|"
_MARKS = {
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
DAMAGED_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)

Open = Callable[[str], BinaryIO]
# What the cell after a delimiter that ends each row is called; no column can have this name.
TRAILING = "\0"


@dataclass(frozen=True)
class Header:
    """What the header tells.

    Attributes:
        names: the names of the columns.
        delimiter: the character between cells.
        index: whether a column without a name stands before the others.
        trailing: whether a delimiter ends the line, as some programs write it; then one ends each row.
    """

    names: tuple[str, ...]
    delimiter: str
    index: bool
    trailing: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """The names of all cells of a row: an empty one for the index, and `TRAILING` after the last delimiter."""
        before = ("",) if self.index else ()
        behind = (TRAILING,) if self.trailing else ()
        return (*before, *self.names, *behind)


@contextlib.contextmanager
def opened(path: str, open_file: Open, options: CsvOptions) -> Iterator[tuple[BinaryIO, Header]]:
    """The file's text after its header, as UTF-8, with what the header tells.

    Args:
        path: path of the file; one that ends in ``.gz`` is decompressed.
        open_file: opens a path for reading bytes.
        options: how the file is written.

    Raises:
        GateRefused: the file is damaged, is not text in this encoding, or its header does not name the columns; also
            while the stream is read.
    """
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(open_file(path))
        try:
            if path.endswith(".gz"):
                stream = cast(BinaryIO, stack.enter_context(gzip.open(stream)))
            if codecs.lookup(options.encoding).name not in ("utf-8", "utf-8-sig"):
                stream = _transcoded(stream, options.encoding)
            yield stream, _layout(_header_line(stream, options), options)
        except DAMAGED_GZIP as error:
            raise damaged_gzip(path, error) from None
        except (UnicodeDecodeError, NoText) as error:
            if other := file_formats.of_another(path, open_file):
                raise GateRefused(f"{path} {other}.") from None
            if isinstance(error, NoText):
                raise GateRefused(f"{path}: {error}.") from None
            raise _in_another_encoding(path, error, options) from None


def damaged_gzip(path: str, error: Exception) -> GateRefused:
    """What to say of a file whose compressed bytes are cut off or changed."""
    return GateRefused(f"{path} is not a complete gzip file ({error}); write it again, or without .gz in its name.")


def _in_another_encoding(path: str, error: UnicodeDecodeError, options: CsvOptions) -> GateRefused:
    byte = error.object[error.start : error.start + 1].hex()
    hint = encoding_of_mark(error.object) or "cp1252 or latin-1"
    return GateRefused(
        f"{path} is not text in {options.encoding} (byte 0x{byte}); set data.csv.encoding to the right one, such as "
        f"{hint}."
    )


def encoding_of_mark(begin: bytes) -> str | None:
    """The encoding whose byte-order mark a file begins with, other than UTF-8's."""
    # That of UTF-32 begins with that of UTF-16.
    for name, marks in _MARKS.items():
        if begin.startswith(marks):
            return name
    return None


class NoText(Exception):
    """A file is no text with a header, for `opened` to report with its path."""


def _transcoded(stream: BinaryIO, encoding: str) -> BinaryIO:
    text = pa.transcoding_input_stream(pa.PythonFile(stream, "r"), encoding, "utf-8")
    return io.BufferedReader(cast(Any, text))


def _header_line(stream: BinaryIO, options: CsvOptions) -> str:
    for _ in range(options.skip_lines):
        stream.readline(_LINE)
    while line := stream.readline(_LINE):
        if b"\0" in line and not encoding_of_mark(line):
            raise NoText(
                "there are NUL bytes, so it is not text in this encoding; for UTF-16, set data.csv.encoding: utf-16-le "
                "or utf-16-be"
            )
        # Where files were put together, there may be several byte-order marks.
        text = line.decode().lstrip("\ufeff")
        if re.match(r'\s*(\[\s*)?\{\s*"', text):
            raise NoText("it is JSON; write it as CSV or Parquet")
        if text.strip() and not (options.comment and text.startswith(options.comment)):
            return text
    raise NoText("no line names the columns; all lines are blank or left out")


def _layout(line: str, options: CsvOptions) -> Header:
    if "\r" in line.rstrip("\r\n"):
        raise NoText("its lines end in CR alone, as on old Macs; write it with the line ends of today")
    if line.count('"') % 2:
        raise NoText("the header has a quote that is not closed on its line; a name must have no line end")
    delimiter = options.delimiter or _delimiter(line)
    try:
        [names] = csv.reader([line], delimiter=delimiter)
    except (ValueError, csv.Error) as error:
        raise NoText(f"the header line cannot be read ({error}): {shown(line)}") from None
    if options.index and names[0]:
        raise NoText(f"the first column has a name, {shown(names[0])}; drop data.csv.index")
    if not names[0] and not options.index and len(names) > 1:
        raise NoText(
            "the first column has no name, as pandas writes its index; name it, or leave it out by data.csv.index: true"
        )
    trailing = len(names) > 1 and not names[-1]
    columns = names[options.index : len(names) - trailing]
    try:
        check_names(columns)
    except GateRefused as error:
        raise NoText(error.reason) from None
    return Header(names=tuple(columns), delimiter=delimiter, index=options.index, trailing=trailing)


def _delimiter(line: str) -> str:
    """The delimiter of a header that no option names."""
    bare = re.sub(r'"[^"]*"', "", line)
    counts = {delimiter: bare.count(delimiter) for delimiter in _DELIMITERS if delimiter in bare}
    if not counts or counts.get(",", 0) == max(counts.values()):
        return ","
    if len(counts) > 1:
        found = " and ".join(map(repr, counts))
        raise NoText(f"the header has {found}, so the cells cannot be told apart; set data.csv.delimiter")
    return next(iter(counts))
