"""The input files: which they are, their format, and whether they have the columns that are wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from components.batch.options import BatchOptions
from components.batch.reading.blocks import BatchFiles
from components.example_gen.pictures.folders import PICTURE
from components.example_gen.readers import csv_files, table_files
from components.example_gen.readers.schemas import check_names, is_list
from components.example_gen.reading import PICTURE_ENDINGS, FileFormat, Reading
from components.messages import shown
from components.refusal import GateRefused

_ENDINGS: Mapping[FileFormat, str] = {
    "csv": r"\.csv(\.gz)?$",
    "parquet": r"\.parquet$",
    "arrow": r"\.arrow$",
    "tfrecord": r"\.tfrecord|^data_tfrecord",
    "pictures": "(?i)" + "|".join(rf"\{ending}$" for ending in PICTURE_ENDINGS),
}


def find(words: Sequence[str], reading: Reading) -> BatchFiles:
    """The files that are named: paths, folders, patterns and URIs.

    Args:
        words: what was named, in the order of the output.
        reading: how the pipeline's own files are read. Their format is that of a file whose name does not tell.

    Raises:
        GateRefused: there is no such file, or the files have several formats.
    """
    paths = [path for word in words for path in _matching(word)]
    formats = {path: _format(path) or reading.kind for path in paths}
    kinds = sorted(set(formats.values()))
    if len(kinds) > 1:
        raise GateRefused(f"the input has {' and '.join(kinds)} files; score one format at a time")
    [kind] = kinds
    named = (PICTURE,) if "pictures" in (kind, reading.kind) else reading.pictures
    return BatchFiles(
        tuple(paths), reading.model_copy(update={"kind": kind, "pictures": () if kind == "tfrecord" else named})
    )


def _matching(word: str) -> list[str]:
    if "://" in word:
        found = _of_uri(word)
    elif Path(word).is_dir():
        found = [str(path.resolve()) for path in sorted(Path(word).rglob("*")) if _format(path.name)]
    else:
        found = [str(path.resolve()) for path in sorted(Path().glob(word) if _relative(word) else _absolute(word))]
    if not found:
        raise GateRefused(f"input: no file matches {word}")
    for path in found:
        if "://" not in path and not Path(path).is_file():
            raise GateRefused(f"input: {path} is not a regular file")
    return found


def _relative(word: str) -> bool:
    return not Path(word).is_absolute()


def _absolute(word: str) -> list[Path]:
    return list(Path("/").glob(word.lstrip("/")))


def _of_uri(word: str) -> list[str]:
    from tfx.dsl.io import fileio

    if fileio.isdir(word):
        return sorted(path for path in map(str, fileio.glob(f"{word.rstrip('/')}/*")) if _format(path))
    return sorted(map(str, fileio.glob(word)))


def _format(path: str) -> FileFormat | None:
    name = path.rpartition("/")[2]
    return next((kind for kind, ending in _ENDINGS.items() if re.search(ending, name)), None)


def check_columns(files: BatchFiles, asked: Sequence[str], options: BatchOptions) -> None:
    """Refuse tables that lack a column. What else is in them, such as the label, does not matter.

    Args:
        files: the input; TFRecord files are not looked at, since an absent feature is a missing value.
        asked: the columns that the model reads.
        options: names the keys.

    Raises:
        GateRefused: names the file and the column, or a column that cannot be a key.
    """
    if files.reading.kind == "tfrecord":
        return
    if files.reading.kind == "pictures":
        _check({PICTURE: pa.string()}, "a folder of pictures", asked, options)
        return
    keys: dict[str, tuple[str, pa.DataType]] = {}
    for path in files.paths:
        columns = _columns(path, files.reading)
        _check(columns, path, asked, options)
        for name in options.keys:
            first, kind = keys.setdefault(name, (path, columns[name]))
            if is_list(kind):
                raise GateRefused(f"{path}: column {shown(name)} holds lists, which are no key; choose another")
            if kind != columns[name]:
                raise GateRefused(
                    f"the key {shown(name)} is {columns[name]} in {path} but {kind} in {first}; write one type to all"
                )


def _check(columns: Mapping[str, pa.DataType], where: str, asked: Sequence[str], options: BatchOptions) -> None:
    check_names(list(columns))
    if lacking := [name for name in asked if name not in columns]:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise GateRefused(
            f"{where} lacks the column {shown(lacking[0])}{more}, which version {options.version} of {options.model} "
            "reads; add it, empty where it is unknown"
        )
    if lacking := [name for name in options.keys if name not in columns]:
        raise GateRefused(f"keys: {where} has no column {shown(lacking[0])}; it has {', '.join(sorted(columns))}")


def _columns(path: str, reading: Reading) -> dict[str, pa.DataType]:
    if reading.kind == "csv":
        return dict.fromkeys(csv_files.header(path, table_files.open_file, reading), pa.string())
    [(_, schema)] = table_files.schemas([path], reading)
    return {field.name: field.type for field in schema}
