"""Checks of the columns that a config names, against the schema and the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from components.example_gen.rows.options import ByColumn, ByTime, ByValue
from components.messages import did_you_mean, known_names, shown
from pipeline.checks.files import data_files, known_columns
from pipeline.checks.sql import query_columns  # part: sql
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_ANY = ("INT", "FLOAT", "BYTES")
_NUMBER = ("INT", "FLOAT")
# The function that makes of the columns what features says; another may read columns of its own.
_SHIPPED = "trainer.preprocessing.preprocessing_fn"
# What the export calls its input of whole tf.Examples. TFMA feeds it a column of that name, in place of the examples.
_TAKEN = "examples"
# How a cell of a CSV file can hold what kinds of several values read.
_FIXES = {
    "list": "give separator or json_list",
    "image": "if they are paths of files, name the column in data.pictures, else store such values in a Parquet file",
}
# The types in a schema that each key of the config can use.
_TYPES = {
    "label.above.column": _NUMBER,
    "example_weight": _NUMBER,
    "data.pictures": ("BYTES",),
    "gates.evaluation.slices (edges)": _NUMBER,
    # A hash of a number with a fraction says little.
    "data.splits (by column)": ("INT", "BYTES"),
}


def check_data(config: Config) -> None:
    """Check that the data can be read and has every column that the config names.

    Raises:
        ConfigError: a file or a database cannot be read, or a column is missing.
    """
    found = next((found for read in _COLUMNS if (found := read(config))), None)
    place, columns = found or ("", None)
    check_no_name_is_taken(columns or ())
    for key, column in named_columns(config):
        if columns is not None and column not in columns:
            raise ConfigError(
                f"{key}: there is no column {shown(column)} in {place}; {did_you_mean(columns, like=column)}it has "
                f"{known_names(columns, like=column)}."
            )
    _check_cells(config)


def check_no_name_is_taken(columns: Collection[str]) -> None:
    """Check that no column, used or not, has a name that the evaluation would confuse with another thing.

    Raises:
        ConfigError: names the column.
    """
    if _TAKEN in columns:
        raise ConfigError(
            f"data: a column is called {_TAKEN!r}, as is the exported model's input of whole rows; rename the column."
        )


def check_schema(config: Config) -> None:
    """Check that the schema has every column that the config names, with a type that the key can use.

    Raises:
        ConfigError: the schema cannot be read, lacks a column or has another type; or a column is label and feature.
    """
    schema = schema_features(config.schema_path) if config.schema_path else None
    if config.features is not None and not config.features.root and config.trainer.preprocessing_fn == _SHIPPED:
        raise ConfigError("features: names no column, so that the model would read nothing; drop the key to use all.")
    if config.example_weight == config.label.column:
        raise ConfigError(
            f"example_weight: {config.example_weight!r} is the label; name another column or drop the key."
        )
    types_of, read_as = _types(config), _types_of_features(config)
    for key, column in named_columns(config):
        if schema is not None and column not in schema:
            raise ConfigError(
                f"{key}: there is no feature {column!r} in {config.schema_path}; {did_you_mean(schema, like=column)}"
                "add it or drop the key."
            )
        types = read_as.get((key, column)) or types_of.get(key, _ANY)
        if schema is not None and schema[column] not in types:
            expected = " or ".join(types)
            raise ConfigError(f"{key}: {column!r} is {schema[column]} in {config.schema_path}; it must be {expected}.")
        if key.startswith("features.") and column == config.label.column:
            raise ConfigError(f"{key}: {column!r} makes the label, so a model that reads it only repeats it; drop it.")
        if key.startswith("features.") and column == config.example_weight:
            raise ConfigError(
                f"{key}: {column!r} is the example weight, which no request knows; drop it here or there."
            )


def schema_features(path: Path) -> dict[str, str]:
    """The features of a curated schema with their types, ``INT``, ``FLOAT`` or ``BYTES``."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    if path.exists() and not path.is_file():
        # A named pipe would wait for ever.
        raise ConfigError(f"schema: {path} is not a regular file; name one, or leave the key out to infer a schema.")
    try:
        schema = text_format.Parse(path.read_text(), schema_pb2.Schema())
    except OSError as error:
        raise ConfigError(
            f"schema: {path} cannot be read ({error.strerror}); leave the key out to infer one."
        ) from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ConfigError(f"schema: {path} is not a schema in protobuf text format ({error}).") from None
    _check_features(path, schema)
    return {feature.name: schema_pb2.FeatureType.Name(feature.type) for feature in schema.feature}


def _check_features(path: Path, schema: schema_pb2.Schema) -> None:
    """What TFDV silently accepts, and then validates against something other than intended."""
    domains = [*schema.string_domain, *schema.int_domain, *schema.float_domain]
    for key, several in (("feature", schema.feature), ("string_domain", schema.string_domain)):
        counts = Counter(each.name for each in several)
        if twice := next((name for name, count in counts.items() if count > 1), None):
            raise ConfigError(f"schema: {path} has the {key} {shown(twice)} twice; drop one of them.")
    known = {domain.name for domain in domains}
    for feature in schema.feature:
        if feature.HasField("domain") and feature.domain not in known:
            raise ConfigError(
                f"schema: in {path}, feature {shown(feature.name)} has the domain {shown(feature.domain)}, which is "
                f"not defined; {did_you_mean(known, like=feature.domain)}the domains are "
                f"{known_names(known, like=feature.domain)}. Define or drop it."
            )


def named_columns(config: Config) -> Iterator[tuple[str, str]]:
    """Every raw column that the config names, with the key that names it."""
    yield "label.column", config.label.column
    yield from (("label.above.column", column) for column in config.label.columns[1:])
    if config.example_weight:
        yield "example_weight", config.example_weight
    if config.features:
        yield from ((column.key, source) for column in config.features.columns() for source in column.sources)
    yield from (("data.pictures", column) for column in config.data.pictures)
    yield from (("data.where", column) for column in dict.fromkeys(config.data.where_columns()))
    if isinstance(config.data.splits, (ByColumn, ByTime, ByValue)):
        yield f"data.splits (by {config.data.splits.by})", config.data.splits.column
    for column in config.gates.evaluation.slice_columns():
        yield "gates.evaluation.slices", column
    for column in config.gates.evaluation.edges():
        yield "gates.evaluation.slices (edges)", column


def _check_cells(config: Config) -> None:
    """A cell of a CSV file is one value, whatever it looks like."""
    for column in config.features.columns() if config.features and config.data.file_format == "csv" else ():
        if column.options.multivalent and not {*column.sources} <= {*config.data.pictures}:
            kind = column.options.kind
            fix = _FIXES.get(kind, "store such values in a Parquet file")
            raise ConfigError(
                f"{column.key}: a cell of a CSV file is one value, but the kind {kind} reads several; {fix}."
            )


def _file_columns(config: Config) -> tuple[str, set[str]] | None:
    files = data_files(config)
    columns = known_columns(config, files)
    return (str(files[0]), columns) if columns is not None else None


# What reads the columns, with the place that messages name. None means another kind of data, or that none can be known.
_COLUMNS = (
    query_columns,  # part: sql
    _file_columns,
)


def _types(config: Config) -> Mapping[str, tuple[str, ...]]:
    """The types that a column may have in the schema, by the key that names it; any where there is no entry."""
    counted = config.label.task != "binary" and config.label.values is None
    is_number = counted or config.label.above is not None
    of_label = ("BYTES",) if config.label.needs_text() else _NUMBER if is_number else _ANY
    return {"label.column": of_label, **_TYPES}


def _types_of_features(config: Config) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """The types that a column may have in the schema, by the feature's key and the column."""
    return {
        (column.key, source): options.SCHEMA_TYPES
        for column in (config.features.columns() if config.features else ())
        for source, options in column.readings
    }
