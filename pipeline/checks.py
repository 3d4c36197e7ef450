"""What can be known to fail before anything runs: unreadable files, columns that are not there, a wrong schema."""

from __future__ import annotations

import ast
import csv
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.config.beam import Dataflow, Portable
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.config.model import check_model
from pipeline.sources import module_file
from trainer.tuning.search import OBJECTIVES

_ANY = ("INT", "FLOAT", "BYTES")
_NUMBER = ("INT", "FLOAT")
# The types in a schema that each key of the config can use.
_TYPES = {
    "label.column": _NUMBER,
    "label.above.column": _NUMBER,
    "example_weight": _NUMBER,
    "features.numeric": _NUMBER,
    "features.bucketized": _NUMBER,
    "features.vocabulary": ("BYTES", "INT"),
    "features.identity": ("INT",),
}


def check(config: Config) -> None:
    """Check everything that the config points to.

    Raises:
        ConfigError: with the key of the config, the file or column, and what to do.
    """
    check_writable(config)
    files = data_files(config)
    columns = known_columns(config, files)
    for key, column in named_columns(config):
        if columns is not None and column not in columns:
            raise ConfigError(
                f"{key}: there is no column {column!r} in {files[0]}; it has {', '.join(sorted(columns))}."
            )
    check_without_data(config)
    check_engine(config)


def check_engine(config: Config) -> None:
    """Check that the Beam components of a run that starts here have somewhere to run."""
    if isinstance(config.beam, Dataflow):
        raise ConfigError(
            "beam.runner: DataflowRunner's workers see no folder of this machine; give the profile a platform with a "
            "gs:// root, and send it there with `python -m kubeflow submit`; docs/dataflow.md says how."
        )
    if isinstance(config.beam, Portable):
        # Here, so that commands which ask no engine do not import gRPC.
        from pipeline.beam.job_server import check_job_server

        check_job_server(config.beam.job_endpoint)


def check_without_data(config: Config) -> None:
    """Check what is known where the data lies elsewhere: the schema, the columns' types, models, functions.

    Raises:
        ConfigError: see `check`.
    """
    schema = schema_features(config.schema_path) if config.schema_path else None
    for key, column in named_columns(config):
        if schema is not None and column not in schema:
            raise ConfigError(f"{key}: there is no feature {column!r} in {config.schema_path}; add it or drop the key.")
        types = _types(config, key)
        if schema is not None and schema[column] not in types:
            wanted = " or ".join(types)
            raise ConfigError(f"{key}: {column!r} is {schema[column]} in {config.schema_path}; it must be {wanted}.")
        if key.startswith("features.") and column == config.label.column:
            raise ConfigError(f"{key}: {column!r} makes the label, so a model that reads it only repeats it; drop it.")
        if key.startswith("features.") and column == config.example_weight:
            raise ConfigError(
                f"{key}: {column!r} is the example weight, which no request knows; drop it here or there."
            )
    check_model(config.trainer.model)
    check_search(config)
    check_loop(config)
    for key, path in (
        ("trainer.run_fn", config.trainer.run_fn),
        ("trainer.preprocessing_fn", config.trainer.preprocessing_fn),
        ("trainer.tuner_fn", config.trainer.tuner_fn),
    ):
        check_function(key, path)


def _types(config: Config, key: str) -> tuple[str, ...]:
    """The types that a column may have in the schema."""
    if key == "label.column" and isinstance(config.label.classes, tuple):
        return ("BYTES",)
    return _TYPES.get(key, _ANY)


def check_loop(config: Config) -> None:
    """Options of the loop that depend on the label."""
    label, loop = config.label, config.trainer.loop
    for key in ("class_weights", "label_smoothing"):
        if label.task == "regression" and getattr(loop, key):
            raise ConfigError(f"trainer.loop.{key}: a regression label has no classes; drop it.")
    metric = loop.early_stopping.metric if loop.early_stopping else None
    if metric is not None and metric not in OBJECTIVES[label.task]:
        raise ConfigError(
            f"trainer.loop.early_stopping.metric: there is no {metric!r} while training; there are "
            f"{', '.join(OBJECTIVES[label.task])}."
        )
    known = label.class_names()
    for name in loop.class_weights:
        if name not in known:
            shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
            raise ConfigError(f"trainer.loop.class_weights.{name}: there is no such class; the classes are {shown}.")


def check_search(config: Config) -> None:
    """The models that a search would build must exist, with their options."""
    search = config.trainer.tuner
    for path, candidate in search.candidates(config.parameters()) if search else ():
        try:
            check_model(candidate.model)
        except ConfigError as error:
            raise ConfigError(f"trainer.tuner.space.{path}: {error}") from None


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
    folder, pattern = config.data.path, config.data.glob
    if not folder.is_dir():
        raise ConfigError(f"data.path: {folder} is not a folder; name the folder that holds the {pattern} files.")
    files = sorted(folder.glob(pattern))
    if not files:
        raise ConfigError(f"data.path: no {pattern} file in {folder}; is data.format right?")
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
            # Looked at first: what pyarrow leaves of a file that is none can abort the process at its end.
            if stream.read(6) == b"ARROW1":
                return pyarrow.ipc.open_file(stream).schema.names
        reason = "it may be in the stream format"
    except pyarrow.ArrowInvalid as error:
        reason = str(error)
    raise ConfigError(f"data.path: {file} is not a whole file in Arrow's file format ({reason}); write it again.")


def schema_features(path: Path) -> dict[str, str]:
    """The features of a curated schema with their types, ``INT``, ``FLOAT`` or ``BYTES``."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        schema = text_format.Parse(path.read_text(), schema_pb2.Schema())
    except OSError as error:
        raise ConfigError(
            f"schema: {path} cannot be read ({error.strerror}); leave the key out to infer one."
        ) from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ConfigError(f"schema: {path} is not a schema in protobuf text format ({error}).") from None
    return {feature.name: schema_pb2.FeatureType.Name(feature.type) for feature in schema.feature}


def named_columns(config: Config) -> Iterator[tuple[str, str]]:
    """Every raw column that the config names, with the key that names it."""
    yield "label.column", config.label.column
    if config.label.above:
        yield "label.above.column", config.label.above.column
    if config.example_weight:
        yield "example_weight", config.example_weight
    if config.features:
        for kind in ("numeric", "bucketized", "vocabulary", "identity", "image"):
            for column in getattr(config.features, kind):
                yield f"features.{kind}", column
    for column in config.gates.evaluation.slices:
        yield "gates.evaluation.slices", column


def check_function(key: str, path: str) -> None:
    """A dotted path must name a function; its module is read, not imported, since that would import TensorFlow."""
    module, _, function = path.rpartition(".")
    file = module_file(module)
    if file is None:
        raise ConfigError(f"{key}: there is no module {module or path!r}; give the dotted path of a function.")
    names = {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}
    if function not in names:
        raise ConfigError(
            f"{key}: {file} defines no function {function!r}; it has {', '.join(sorted(names)) or 'none'}."
        )
