"""What ``--data`` names: files of one format, a folder of pictures, or a database; and its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.example_gen.pictures import folders
from components.example_gen.pictures.folders import PICTURE
from components.example_gen.readers import table_files
from components.example_gen.readers.table_files import Piece
from components.example_gen.reading import DEFAULT_PATTERNS, CsvOptions, FileFormat, Reading, is_hidden
from components.messages import shown
from components.refusal import GateRefused
from pipeline.checks.files import has_bytes
from pipeline.config.loading import ConfigError
from pipeline.init.reading import csv_layout, pictures
from pipeline.init.reading.database import of_database  # part: sql
from pipeline.init.reading.unlabelled import the_labelled, without_label

_ENDINGS: Mapping[FileFormat, str] = {
    "csv": r"\.csv(\.gz)?$",
    "parquet": r"\.parquet$",
    "arrow": r"\.arrow$",
    "tfrecord": r"\.tfrecord",
}
# What reads other data than files; each returns None for data of another kind.
_Rows = tuple[Mapping[str, Any], str, Callable[[], Iterator[pa.RecordBatch]]]
_OTHERS: tuple[Callable[[str, str | None], _Rows | None], ...] = (
    of_database,  # part: sql
)
_TRAIN = re.compile(r"train", re.IGNORECASE)
_EVAL = re.compile(r"eval|test|valid|val\b|holdout", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """The data.

    Attributes:
        section: the config's section ``data``.
        stem: what the pipeline may be called.
        batches: reads all rows, as the examples will hold them.
        names: the names of the columns, where they are known without reading rows; empty if not.
        notes: what was found about the files, for the user.
    """

    section: Mapping[str, Any]
    stem: str
    batches: Callable[[], Iterator[pa.RecordBatch]]
    names: Collection[str] = ()
    notes: tuple[str, ...] = ()


def of(data: str, *, label: str, query: str | None) -> Source:
    """Find out what ``--data`` is.

    Args:
        data: a file, a folder, or the URI of a database.
        label: the label's column, as folders of pictures are to name it.
        query: the statement whose rows are the examples, for a database.

    Raises:
        ConfigError: there is no such data, or it cannot be read.
    """
    try:
        for section, stem, batches in filter(None, (of_other(data, query) for of_other in _OTHERS)):
            return Source(section, stem, batches)
        path = Path(data)
        if not path.exists():
            raise ConfigError(f"--data: there is no file or folder {data}.")
        if path.is_dir() and not _data_files(path) and (found := _pictures(path, label)):
            return found
        return _files(path, label)
    except GateRefused as error:
        raise ConfigError(f"--data: {error.reason}") from None


def _files(path: Path, label: str) -> Source:
    files = _data_files(path) if path.is_dir() else [path]
    kind = _only_format(path, files)
    notes: list[str] = []
    if unlabelled := without_label(files, kind, label):
        path, note = the_labelled(files, unlabelled, label)
        files = [path]
        notes.append(note)
    folder = path if path.is_dir() else path.parent
    section: dict[str, Any] = {"path": str(folder), "format": kind}
    if splits := _splits(files) if path.is_dir() else None:
        section["splits"] = splits
        notes.append("the files' names say which split they are")
    elif pattern := _pattern(path, files, kind):
        section["files"] = pattern
    if parted := next((file.parent.name for file in files if "=" in file.parent.name and file.parent != path), None):
        notes.append(f"folders such as {parted} are no columns: write such values into the files, if they are needed")
    names = list(map(str, files))
    if kind == "tfrecord":
        return Source(section, _stem(path), lambda: _records(names), notes=tuple(notes))
    options, types = CsvOptions(), {}
    if kind == "csv":
        options, found = csv_layout.with_numbers(names, csv_layout.found_options(names[0]), label=label)
        types = {name: column.kind for name, column in found.items()}
        if given := options.model_dump(mode="json", exclude_defaults=True):
            section["csv"] = given
            notes.append("CSV options: " + ", ".join(f"{key} {value!r}" for key, value in given.items()))
    reading = Reading(kind=kind, csv=options)
    columns: Collection[str] = types
    if kind != "csv":
        table_files.column_types(names, reading)
        [(_, schema)] = table_files.schemas(names[:1], reading)
        columns = schema.names
    first = next(_tables(names[:1], reading, types), None)
    if first is not None and (naming := pictures.naming_columns(first, files[0].parent)):
        section["pictures"] = list(naming)
        notes.append(f"names of picture files: {', '.join(map(shown, naming))}")
        reading = reading.model_copy(update={"pictures": naming})
        return Source(section, _stem(path), lambda: _with_pictures(names, reading, types), columns, tuple(notes))
    return Source(section, _stem(path), lambda: _tables(names, reading, types), columns, tuple(notes))


def _pictures(folder: Path, label: str) -> Source | None:
    """The pictures by class, for all splits or in a folder for each split; None if there are none."""
    section: dict[str, Any] = {"path": str(folder), "format": "pictures"}
    notes: list[str] = []
    paths = pictures.by_class(folder)
    splits = [] if paths else [each for each in sorted(folder.iterdir()) if each.is_dir() and pictures.by_class(each)]
    if found := _splits(splits):
        section["splits"] = {name: each if name == "by" else f"{each}/*/*" for name, each in found.items()}
        notes.append("the folders' names say which split they are")
        paths = [path for each in splits for path in pictures.by_class(each)]
    if not paths:
        return None
    classes = [each.as_posix() for parent in splits or [folder] for each in parent.iterdir()]
    folders.check_classes(classes, paths)
    if label == PICTURE:
        raise ConfigError(f"--label: {PICTURE} is the column of the pictures; choose another name for their classes.")
    reading = Reading(kind="pictures", pictures=(PICTURE,), label=label)
    columns = (PICTURE, label)
    return Source(section, _stem(folder), lambda: _with_pictures(paths, reading, {}), columns, tuple(notes))


def _only_format(path: Path, files: Sequence[Path]) -> FileFormat:
    """The format of all files."""
    if not files:
        raise ConfigError(
            f"--data: {path} has no files that end in .csv, .csv.gz, .parquet, .arrow or .tfrecord, in itself or its "
            f"folders, and no folders of pictures{_something_else(path)}."
        )
    for file in files:
        if has_bytes(file):
            raise ConfigError(f"--data: the name {shown(file.name)} is not UTF-8 text; rename the file.")
        if not file.is_file():
            raise ConfigError(f"--data: {file} is not a regular file; remove it, or name a file.")
        try:
            with file.open("rb") as stream:
                stream.read(1)
        except OSError as error:
            raise ConfigError(f"--data: {file} cannot be read ({error.strerror}).") from None
    formats: set[FileFormat] = {_format(file) for file in files}
    if len(formats) > 1:
        raise ConfigError(
            f"--data: {path} has {' and '.join(sorted(formats))} files; name one file, or move the others."
        )
    return formats.pop()


def _something_else(folder: Path) -> str:
    """What to do with the first file that is there."""
    found = next((path for path in sorted(folder.rglob("*")) if path.is_file() and path.name[0] not in "._"), None)
    if found is None:
        return ""
    name = shown(str(found.relative_to(folder)), limit=40)
    return f"; there is {name}: name that file, rename it, or convert it"


def _data_files(folder: Path) -> list[Path]:
    """The files of known formats in a folder, or in its folders."""
    for pattern in ("*", "*/*"):
        known = re.compile("|".join(_ENDINGS.values()))
        found = sorted(path for path in folder.glob(pattern) if known.search(path.name) and not is_hidden(path.name))
        # Beside files, a folder of that name is a fault that a run would refuse, too.
        if not all(path.is_dir() for path in found):
            return found
    return []


def _format(file: Path) -> FileFormat:
    """By the name, and else by the first bytes; anything else is taken for CSV."""
    for kind, ending in _ENDINGS.items():
        if re.search(ending, file.name):
            return kind
    with file.open("rb") as stream:
        begin = stream.read(6)
    return "parquet" if begin.startswith(b"PAR1") else "arrow" if begin == b"ARROW1" else "csv"


def _pattern(path: Path, files: Sequence[Path], kind: FileFormat) -> str | None:
    """``data.files``; None where the default finds these files."""
    if path.is_dir():
        return None if files[0].parent == path else f"*/{DEFAULT_PATTERNS[kind]}"
    alone = [other for other in _data_files(path.parent) if other.parent == path.parent] == [path]
    return None if alone else path.name


def _splits(files: Sequence[Path]) -> dict[str, str] | None:
    """Splits by files, if each is called either train or eval."""
    train = [file.name for file in files if _TRAIN.search(file.name)]
    others = [file.name for file in files if _EVAL.search(file.name)]
    if len(train) == len(others) == 1 and len(files) == 2 and train != others:
        return {"by": "files", "train": train[0], "eval": others[0]}
    return None


def _stem(path: Path) -> str:
    name = path.resolve().name
    return name if path.is_dir() else name.partition(".")[0]


def _tables(paths: Sequence[str], reading: Reading, types: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        yield from table_files.record_batches(Piece(path), reading, types)


def _with_pictures(paths: Sequence[str], reading: Reading, types: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    # TensorFlow decodes pictures.
    from components.example_gen.tables import Tables

    tables = Tables(paths, reading, types)
    for piece in tables.files():
        yield from tables.batches(piece)


def _records(paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    # TensorFlow reads these files.
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    from components.example_gen.readers.record_files import RecordReader

    records, decoder = RecordReader(Reading(kind="tfrecord")), ExamplesToRecordBatchDecoder()
    for path in paths:
        for examples in records.examples(path):
            yield decoder.DecodeBatch(examples)
