"""Checks of folders and data files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from components.example_gen import spans
from components.example_gen.readers import arrow_files, csv_files
from components.example_gen.readers.schemas import check_schemas
from components.example_gen.reading import Reading
from components.example_gen.reading import data_files as of_pattern
from components.messages import shown
from components.refusal import GateRefused
from pipeline.checks.reading import reading_of
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.running.folder import disk


def check_writable(config: Config) -> None:
    """The run folder must be ours to write."""
    try:
        disk.check_writable(config.run_folder)
    except disk.NotWritable as error:
        raise ConfigError(str(error)) from None


def data_files(config: Config) -> list[Path]:
    """The data files in order; at least one, all readable."""
    folder = config.data.path
    if not folder.is_dir():
        patterns = " or ".join(config.data.patterns.values())
        raise ConfigError(f"data.path: {folder} is not a folder; name the folder that holds the {patterns} files.")
    found: dict[Path, str] = {}
    for split, pattern in config.data.patterns.items():
        glob = spans.glob(pattern)
        matching = [path.relative_to(folder).as_posix() for path in folder.glob(glob)]
        paths = of_pattern(glob, matching, config.data.format)
        files = [folder / path for path in spans.newest(paths, pattern, count=config.data.window)]
        if not files:
            raise ConfigError(f"data.path: no {pattern} file in {folder}; is data.format right?")
        for file in files:
            if found.setdefault(file, split) != split:
                raise ConfigError(f"data.splits: {file} is in {found[file]} and in {split}; change one pattern.")
    files = sorted(found)
    for file in files:
        _check_readable(file)
    return files


def _check_readable(file: Path) -> None:
    if has_bytes(file):
        raise ConfigError(f"data.path: the name {shown(file.name)} is not UTF-8 text; rename the file.")
    if file.exists() and not file.is_file():
        # A named pipe would wait for ever.
        raise ConfigError(f"data.path: {file} is not a regular file; remove it, or name the data by data.files.")
    try:
        with file.open("rb") as stream:
            if not stream.read(1):
                raise ConfigError(f"data.path: {file} is empty.")
    except OSError as error:
        raise ConfigError(f"data.path: {file} cannot be read ({error.strerror}).") from None


def has_bytes(file: Path) -> bool:
    """Whether a name has bytes that are no text, which TensorFlow could not open."""
    return any("\ud800" <= character <= "\udfff" for character in str(file))


def known_columns(config: Config, files: Sequence[Path]) -> set[str] | None:
    """The data's columns, which must be the same in every file; None where only reading it all would tell.

    Raises:
        ConfigError: a header cannot be read, or the files do not fit each other or the use of their columns.
    """
    reading = reading_of(config)
    paths = list(map(str, files))
    try:
        if reading.kind == "csv":
            return set(csv_files.common_header(paths, _open, reading))
        if reading.kind == "tfrecord":
            return None
        if reading.kind == "pictures":
            if reading.label in reading.pictures:
                raise ConfigError(f"label.column: {reading.label} is the column of the pictures; choose another name.")
            return {*reading.pictures, reading.label}
        schemas = [(path, _schema(path, reading)) for path in paths]
        check_schemas(schemas, reading)
        return set(schemas[0][1].names)
    except GateRefused as error:
        raise ConfigError(f"data.path: {error.reason}") from None


def _schema(path: str, reading: Reading) -> pa.Schema:
    with _open(path) as stream:
        return arrow_files.schema(path, reading.kind, stream)


def _open(path: str) -> BinaryIO:
    return Path(path).open("rb")
