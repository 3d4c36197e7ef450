"""How files are read, as strict and frozen models: what the pipeline's YAML says and the executor gets as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from trainer.options import Strict

FileFormat = Literal["csv", "parquet", "arrow", "tfrecord", "pictures"]

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp")
# Which files below a folder are data, where nothing else is said; see `data_files`.
DEFAULT_PATTERNS: Mapping[FileFormat, str] = {
    "csv": "*.csv*",
    "parquet": "*.parquet",
    "arrow": "*.arrow",
    "tfrecord": "*.tfrecord*",
    "pictures": "*/*",
}


def _separates(text: str) -> str:
    if len(text) != 1 or text.isalnum() or text in '"+-_\r\n':
        raise ValueError(f"must be one character that is no part of a word or number, got {text!r}")
    return text


def _is_one_byte(text: str) -> str:
    # Arrow's reader knows no other.
    if not text.isascii() or text == ".":
        raise ValueError(f"{text!r} cannot separate cells; ';' and \"\\t\" can")
    return text


_Thousands = Annotated[str, AfterValidator(_separates)]
_Delimiter = Annotated[str, AfterValidator(_separates), AfterValidator(_is_one_byte)]


class CsvOptions(Strict):
    """How CSV files are written, where they differ from UTF-8 text with a header line and commas.

    Attributes:
        delimiter: the character between two cells; None finds a comma, semicolon, tab or ``|`` in the header.
        encoding: the files' encoding by its name in Python, such as ``cp1252``, ``latin-1`` or ``utf-16``.
        skip_lines: int, lines before the header that are left out. Blank lines there always are.
        comment: what a line before the header begins with to be left out, such as ``#``.
        index: whether the first column has no name, as pandas writes its index, and is left out.
        thousands: the character between groups of three digits; None for none.
        decimal: the character before a number's fraction, ``.`` or ``,``.
        missing: what stands in a cell without a value, such as ``NA`` or ``?``, in whatever column.
    """

    delimiter: _Delimiter | None = None
    encoding: str = "utf-8"
    skip_lines: int = Field(default=0, ge=0)
    comment: str | None = Field(default=None, min_length=1)
    index: bool = False
    thousands: _Thousands | None = None
    decimal: Literal[".", ","] = "."
    missing: tuple[Annotated[str, Field(min_length=1)], ...] = ()

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            "".encode(name)
        except LookupError:
            raise ValueError(f"there is no text encoding {name!r}; cp1252, latin-1 and utf-16 are some") from None
        return name

    @model_validator(mode="after")
    def _characters_differ(self) -> CsvOptions:
        if self.thousands == self.decimal:
            raise ValueError(f"thousands: {self.thousands!r} is the decimal character, too")
        return self


class Reading(Strict):
    """What the executor knows of the files.

    Attributes:
        kind: their format.
        types: ``INT``, ``FLOAT`` or ``BYTES`` by column, from the curated schema; those of other columns are found.
        csv: how CSV files are written.
        numbers: columns that are used as one number a row.
        codes: columns that are used as one code a row, such as a category: numbers in them are integers.
        weight: the column of the example weight, in which NaN is no missing value but a fault; None without weights.
        guessed: whether columns are used by their type, so that a number with a separator would become a category.
        pictures: columns that hold paths of picture files, whose bytes the examples hold instead.
        has_folder: whether a relative path begins in the table's folder; the rows of a query have none.
        label: of the format ``pictures``: the column for the names of the pictures' folders; empty for other formats.
    """

    kind: FileFormat
    types: Mapping[str, str] = {}
    csv: CsvOptions = CsvOptions()
    numbers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    weight: str | None = None
    guessed: bool = False
    pictures: tuple[str, ...] = ()
    has_folder: bool = True
    label: str = ""

    @property
    def names_files(self) -> bool:
        """Whether tables name files that are read beside them."""
        return bool(self.pictures) and self.kind != "pictures"

    @cached_property
    def integers(self) -> frozenset[str]:
        """The columns whose numbers become integers: codes, and what the schema says."""
        return frozenset(self.codes) | {name for name, kind in self.types.items() if kind == "INT"}


def is_hidden(path: str) -> bool:
    """Whether a file's name begins with a point."""
    return path.rpartition("/")[2].startswith(".")


def data_files(pattern: str, paths: Sequence[str], kind: FileFormat) -> list[str]:
    """Which of the files that match a pattern are data: ``*.csv*`` means ``.csv`` and ``.csv.gz``, no ``d.csv.bak``.

    Hidden files, such as those that macOS writes, are left alone; among pictures also others, such as a README.
    """
    paths = [path for path in paths if not is_hidden(path)]
    if kind == "pictures":
        return [path for path in paths if path.lower().endswith(PICTURE_ENDINGS)]
    endings = (".csv", ".csv.gz") if pattern.endswith(".csv*") else ""
    return [path for path in paths if path.endswith(endings)]
