"""Checks of folders and data files."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from components.example_gen import spans
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError


def check_writable(config: Config) -> None:
    """The run folder must be ours to write."""
    try:
        config.run_folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(config.run_folder, os.W_OK)
    except OSError as error:
        raise ConfigError(f"runs: {config.run_folder} cannot be created ({error.strerror}).") from None
    if not writable:
        raise ConfigError(f"runs: {config.run_folder} cannot be written; choose another folder or change its rights.")


def data_files(config: Config) -> list[Path]:
    """The data files in order; at least one, all readable."""
    folder = config.data.path
    if not folder.is_dir():
        patterns = " or ".join(config.data.patterns.values())
        raise ConfigError(f"data.path: {folder} is not a folder; name the folder that holds the {patterns} files.")
    found: dict[Path, str] = {}
    for split, pattern in config.data.patterns.items():
        paths = (path.relative_to(folder).as_posix() for path in folder.glob(spans.glob(pattern)))
        files = [folder / path for path in spans.newest(paths, pattern, count=config.data.window)]
        if not files:
            raise ConfigError(f"data.path: no {pattern} file in {folder}; is data.format right?")
        for file in files:
            if found.setdefault(file, split) != split:
                raise ConfigError(f"data.splits: {file} is in {found[file]} and in {split}; change one pattern.")
    files = sorted(found)
    for file in files:
        try:
            with file.open("rb") as stream:
                if not stream.read(1):
                    raise ConfigError(f"data.path: {file} is empty.")
        except OSError as error:
            raise ConfigError(f"data.path: {file} cannot be read ({error.strerror}).") from None
    return files


def known_columns(config: Config, files: list[Path]) -> set[str] | None:
    """The data's columns, which must be the same in every file; None where only reading it all would tell."""
    if config.data.format == "tfrecord":
        return None
    read = {"csv": _csv_columns, "parquet": _parquet_columns, "arrow": _arrow_columns}[config.data.format]
    first = read(files[0])
    for file in files[1:]:
        columns = read(file)
        different = set(first) ^ set(columns)
        if not different and config.data.format == "csv" and columns != first:
            raise ConfigError(f"data.path: {file.name} has the columns of {files[0].name} in another order.")
        if different:
            raise ConfigError(
                f"data.path: {file.name} and {files[0].name} differ in the columns {', '.join(sorted(different))}."
            )
    return set(first)


def _csv_columns(file: Path) -> list[str]:
    try:
        with file.open("rb") as stream:
            header = next(csv.reader([stream.readline().decode()]))
    except (UnicodeDecodeError, csv.Error, StopIteration) as error:
        raise ConfigError(f"data.path: {file} has no readable header line ({error}); it must be UTF-8 text.") from None
    if header[0].startswith("\ufeff"):
        raise ConfigError(f"data.path: {file} begins with a byte-order mark; save it as plain UTF-8.")
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise ConfigError(f"data.path: {file} names the column {sorted(repeated)[0]!r} twice in its header line.")
    return header


def _parquet_columns(file: Path) -> list[str]:
    import pyarrow
    from pyarrow import parquet

    try:
        return parquet.read_schema(file).names
    except pyarrow.ArrowInvalid as error:
        raise ConfigError(f"data.path: {file} is not a Parquet file ({error}).") from None


def _arrow_columns(file: Path) -> list[str]:
    import pyarrow

    try:
        with file.open("rb") as stream:
            # Checked first: after pyarrow opens something else, the process may abort at its exit.
            if stream.read(6) == b"ARROW1":
                return pyarrow.ipc.open_file(stream).schema.names
        reason = "it may be in the stream format"
    except pyarrow.ArrowInvalid as error:
        reason = str(error)
    raise ConfigError(f"data.path: {file} is not a whole file in Arrow's file format ({reason}); write it again.")
