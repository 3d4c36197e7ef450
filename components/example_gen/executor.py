"""ExampleGen as a stream: files to tf.Examples in TFRecord shards, in constant memory.

TFX's own executors keep about 2.3 KB per row in memory. In this process the rows stream from the reader to the writers,
without Beam. On an engine, the same code is a Beam step per file and row group.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from google.protobuf import json_format, struct_pb2
from tfx.components.example_gen import write_split
from tfx.components.example_gen.driver import update_output_artifact
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact

from components.example_gen import on_engine
from components.example_gen.ingest import READING, ROWS, Ingest
from components.example_gen.reading import Reading
from components.example_gen.rows.options import Rows
from components.example_gen.snapshot import SNAPSHOT, Snapshot

# Runners that work in this process, where Beam brings nothing.
_HERE = {"fnapirunner", "directrunner"}


def custom_config(reading: Reading, rows: Rows | None = None) -> example_gen_pb2.CustomConfig:
    """The executor's configuration beyond TFX's own properties.

    Args:
        reading: how the files are read.
        rows: which rows are kept and how they are split; None keeps all, and splits as TFX's properties say.
    """
    config = example_gen_pb2.CustomConfig()
    # The rows' as a text: a Struct makes all numbers floats, and so would lose a large id.
    options = {READING: reading.model_dump(mode="json"), ROWS: (rows or Rows()).model_dump_json()}
    config.custom_config.Pack(json_format.ParseDict(options, struct_pb2.Struct()))
    return config


class Executor(BaseBeamExecutor):
    """Reads CSV, Parquet, Arrow or TFRecord files; see `custom_config`."""

    def Do(  # noqa: N802 (named by TFX)
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the splits, in this process or on the engine that Beam's arguments name.

        Raises:
            GateRefused: the data cannot be read, or lacks rows or labels; names the file and the place in it.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        given = exec_properties.get(SNAPSHOT)
        if given is None:
            self._write(artifact, exec_properties)
            return
        snapshot = Snapshot.model_validate_json(given)
        resolved = snapshot.put_into(exec_properties)
        self._write(artifact, resolved)
        snapshot.check(exec_properties)
        update_output_artifact(resolved, artifact.mlmd_artifact)

    def _write(self, artifact: Artifact, exec_properties: dict[str, Any]) -> None:
        ingest = Ingest.of(exec_properties)
        artifact.split_names = artifact_utils.encode_split_names(list(ingest.names))
        if _in_this_process(self._beam_pipeline_args or []):
            ingest.stream(artifact)
        else:
            with self._make_beam_pipeline() as pipeline:
                on_engine.write(pipeline, ingest, artifact, exec_properties)
            on_engine.check(ingest, artifact)
        payload = exec_properties.get(standard_component_specs.OUTPUT_DATA_FORMAT_KEY)
        if payload:
            examples_utils.set_payload_format(artifact, payload)
        file_format = exec_properties.get(standard_component_specs.OUTPUT_FILE_FORMAT_KEY)
        if file_format:
            examples_utils.set_file_format(artifact, write_split.to_file_format_str(file_format))


def _in_this_process(beam_args: Sequence[object]) -> bool:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runner", default="DirectRunner")
    return parser.parse_known_args(list(map(str, beam_args)))[0].runner.rpartition(".")[2].lower() in _HERE
