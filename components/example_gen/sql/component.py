"""ExampleGen from a query: its rows become an Arrow file for the time of the ingest, which then reads it as any file.

So splits, conditions, types and engines work as they do with files, in constant memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from google.protobuf import json_format, struct_pb2
from tfx.components.example_gen import utils
from tfx.components.example_gen.component import QueryBasedExampleGen
from tfx.components.example_gen.driver import QueryBasedDriver
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.dsl.io import fileio
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

from components.example_gen.executor import Executor
from components.example_gen.ingest import reading_of
from components.example_gen.rows import columns
from components.example_gen.sql.database import Database
from components.example_gen.sql.options import FILE, Query
from components.example_gen.stamps import Pictures
from components.refusal import GateRefused

_QUERY = "query"


class SqlDriver(QueryBasedDriver):
    """Makes the rows, or what ``changes`` answers, part of the cache key; TFX's has only the query's text."""

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """The properties with a fingerprint of the rows, and of the picture files that they name.

        Raises:
            GateRefused: the database does not answer the query.
        """
        resolved = super().resolve_exec_properties(exec_properties, pipeline_info, component_info)
        reading = reading_of(resolved)
        with Database(_query(resolved)) as database:
            found = [database.fingerprint()]
            if reading.names_files:
                with database.rows() as (_, batches):
                    pictures = Pictures(reading)
                    for batch in batches:
                        pictures.add(columns.of_batch(batch, reading.pictures), folder=None)
                found.append(pictures.digest)
        resolved[utils.FINGERPRINT_PROPERTY_NAME] = "-".join(found)
        return resolved


class SqlExecutor(Executor):
    """Asks the query, and ingests its rows."""

    def Do(  # noqa: N802 (named by TFX)
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the splits; the file of the rows is beside them until they are written.

        Raises:
            GateRefused: the database does not answer the query, or its rows cannot be examples.
        """
        artifact = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        folder = f"{artifact.uri}/query"
        path = f"{folder}/{FILE}"
        fileio.makedirs(folder)
        try:
            _write_rows(_query(exec_properties), path)
            here = {**exec_properties, standard_component_specs.INPUT_BASE_KEY: folder}
            super().Do(input_dict, output_dict, here)
        except GateRefused as error:
            raise GateRefused(error.reason.replace(path, "data.query")) from None
        finally:
            fileio.rmtree(folder)


class SqlExampleGen(QueryBasedExampleGen):
    """Reads the rows of a query."""

    DRIVER_CLASS = SqlDriver


def sql_example_gen(query: Query, *, custom_config: example_gen_pb2.CustomConfig, **arguments: Any) -> SqlExampleGen:
    """The component.

    Args:
        query: the query; its ``${NAME}`` stay as they are.
        custom_config: the configuration of `Executor`, for the file `FILE`.
        arguments: TFX's.
    """
    options = _options(custom_config)
    options.update({_QUERY: query.model_dump_json(exclude_defaults=True)})
    with_query = example_gen_pb2.CustomConfig()
    with_query.custom_config.Pack(options)
    return SqlExampleGen(custom_config=with_query, custom_executor_spec=BeamExecutorSpec(SqlExecutor), **arguments)


def _write_rows(query: Query, path: str) -> None:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with (
        Database(query) as database,
        database.rows() as (schema, batches),
        # Beam's streams are what Arrow takes for a file, wherever it is.
        FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream,
        pa.ipc.new_file(stream, schema, options=options) as file,
    ):
        for batch in batches:
            file.write_batch(batch)


def _query(exec_properties: Mapping[str, Any]) -> Query:
    config = example_gen_pb2.CustomConfig()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY], config)
    return Query.model_validate_json(json_format.MessageToDict(_options(config))[_QUERY])


def _options(config: example_gen_pb2.CustomConfig) -> struct_pb2.Struct:
    options = struct_pb2.Struct()
    config.custom_config.Unpack(options)
    return options
