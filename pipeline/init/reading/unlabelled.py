"""Files of a folder that have no label, such as the rows that a contest wants predictions for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from components.example_gen.readers import csv_files, table_files
from components.example_gen.reading import CsvOptions, FileFormat, Reading
from components.messages import shown
from components.refusal import GateRefused
from pipeline.config.loading import ConfigError
from pipeline.init.reading import csv_layout


def without_label(files: Sequence[Path], kind: FileFormat, label: str) -> list[Path]:
    """The files whose header lacks the label, while other files have it.

    Nothing is said of records, and of files that cannot be read, which their reader refuses.
    """
    if len(files) < 2 or kind == "tfrecord":
        return []
    try:
        # All files are read in the same way, whatever their number.
        options = csv_layout.found_options(str(files[0])) if kind == "csv" else CsvOptions()
    except GateRefused:
        return []
    reading = Reading(kind=kind, csv=options)
    found = {file: _names(str(file), reading) for file in files}
    if not any(names and label in names for names in found.values()):
        return []
    return [file for file, names in found.items() if names and label not in names]


def the_labelled(files: Sequence[Path], unlabelled: Sequence[Path], label: str) -> tuple[Path, str]:
    """The one file that has the label, and a note on the others.

    Raises:
        ConfigError: several have it: no pattern of ``data.files`` names just them.
    """
    more = f" and {len(unlabelled) - 1} more" if len(unlabelled) > 1 else ""
    names = f"{shown(unlabelled[0].name)}{more}"
    first, *others = (file for file in files if file not in unlabelled)
    if others:
        raise ConfigError(
            f"--data: there is no column {shown(label)} in {names}; move such files elsewhere, or name one file."
        )
    return first, f"left out, since there is no column {shown(label)}: {names}"


def _names(file: str, reading: Reading) -> Collection[str] | None:
    try:
        if reading.kind == "csv":
            return csv_files.header(file, table_files.open_file, reading)
        [(_, schema)] = table_files.schemas([file], reading)
    except (GateRefused, OSError):
        return None
    return schema.names
