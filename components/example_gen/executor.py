"""ExampleGen as a stream: files to tf.Examples in TFRecord shards, in constant memory.

TFX's own executors keep about 2.3 KB per row in memory. In this process the rows stream from the reader to the writers,
without Beam. On an engine, the same reading code is a Beam step per file and row group.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import apache_beam as beam
import tensorflow as tf
from absl import logging
from apache_beam.pvalue import PCollection
from apache_beam.typehints import with_input_types
from google.protobuf import json_format, struct_pb2
from tfx.components.example_gen import utils, write_split
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

from components.example_gen import table_files
from components.example_gen.encoding import to_examples
from components.example_gen.reading import Reading
from components.example_gen.record_files import Records
from components.example_gen.schemas import UnsupportedColumn
from components.example_gen.shards import ShardWriter
from components.example_gen.splits import HashSplits
from components.refusal import GateRefused

# Runners that work in this process, where Beam brings nothing.
_HERE = {"fnapirunner", "directrunner"}


def custom_config(reading: Reading) -> example_gen_pb2.CustomConfig:
    """The executor's configuration beyond TFX's own properties."""
    config = example_gen_pb2.CustomConfig()
    config.custom_config.Pack(json_format.ParseDict(reading.model_dump(mode="json"), struct_pb2.Struct()))
    return config


class Executor(BaseExampleGenExecutor):
    """Reads CSV, Parquet, Arrow or TFRecord files; see `custom_config`."""

    def Do(  # noqa: N802 (named by TFX)
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the splits, in this process or on the engine that Beam's arguments name.

        Raises:
            GateRefused: the data cannot be read; names the file and the place in it.
        """
        if not _in_this_process(self._beam_pipeline_args or []):
            super().Do(input_dict, output_dict, exec_properties)
            return
        self._log_startup(input_dict, output_dict, exec_properties)
        given = _proto(exec_properties, standard_component_specs.INPUT_CONFIG_KEY, example_gen_pb2.Input())
        wanted = _proto(exec_properties, standard_component_specs.OUTPUT_CONFIG_KEY, example_gen_pb2.Output())
        artifact = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        names = utils.generate_output_split_names(given, wanted)
        artifact.split_names = artifact_utils.encode_split_names(names)
        folders = [artifact_utils.get_split_uri([artifact], name) for name in names]
        tables = [Tables.of(exec_properties, split.pattern) for split in given.splits]
        if wanted.split_config.splits:
            _write_by_hash(tables[0], HashSplits(wanted.split_config), folders)
        else:
            for table, folder in zip(tables, folders, strict=True):
                with ShardWriter(folder) as shards:
                    for examples in table.examples():
                        shards.write(examples)
        payload = exec_properties.get(standard_component_specs.OUTPUT_DATA_FORMAT_KEY)
        if payload:
            examples_utils.set_payload_format(artifact, payload)
        file_format = exec_properties.get(standard_component_specs.OUTPUT_FILE_FORMAT_KEY)
        if file_format:
            examples_utils.set_file_format(artifact, write_split.to_file_format_str(file_format))

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:  # noqa: N802 (named by TFX)
        """The transform from files to examples, for an engine."""
        # TFX calls it with the arguments of the split: only then does it become a transform.
        return cast(beam.PTransform, _files_to_examples)


@dataclass(frozen=True)
class Tables:
    """The files of one input split.

    Attributes:
        paths: the files.
        reading: how they are read.
        types: the types of all columns; empty where the format stores them.
    """

    paths: Sequence[str]
    reading: Reading
    types: Mapping[str, str]

    @classmethod
    def of(cls, exec_properties: Mapping[str, Any], pattern: str) -> Tables:
        """The files that match ``pattern`` below the node's input folder."""
        config = _proto(exec_properties, standard_component_specs.CUSTOM_CONFIG_KEY, example_gen_pb2.CustomConfig())
        options = struct_pb2.Struct()
        config.custom_config.Unpack(options)
        reading = Reading.model_validate(json_format.MessageToDict(options))
        paths = table_files.find(f"{exec_properties[standard_component_specs.INPUT_BASE_KEY]}/{pattern}")
        return cls(paths, reading, {} if reading.kind == "tfrecord" else table_files.column_types(paths, reading))

    def pieces(self) -> list[table_files.Piece]:
        """The pieces of all files."""
        return [piece for path in self.paths for piece in table_files.pieces(path, self.reading)]

    def examples(self) -> Iterator[list[bytes]]:
        """The serialized tf.Examples of all rows in order, some thousand at a time."""
        found = False
        records = Records(self.reading)
        for path in self.paths:
            logging.info("Reading %s", path)
            for examples in self.examples_of(table_files.Piece(path), records):
                found = found or bool(examples)
                yield examples
        if not found:
            raise GateRefused(f"there are no rows in {', '.join(self.paths[:3])}{' ...' if self.paths[3:] else ''}.")

    def examples_of(self, piece: table_files.Piece, records: Records) -> Iterator[list[bytes]]:
        """The serialized tf.Examples of one piece, some thousand at a time."""
        if self.reading.kind == "tfrecord":
            yield from records.examples(piece.path)
            return
        for batch in table_files.record_batches(piece, self.reading, self.types):
            try:
                yield to_examples(batch)
            except UnsupportedColumn as error:
                raise UnsupportedColumn(f"{piece.path}: {error.reason}") from None


def _write_by_hash(tables: Tables, splits: HashSplits, folders: Sequence[str]) -> None:
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(ShardWriter(folder)) for folder in folders]
        for examples in tables.examples():
            for writer, part in zip(writers, splits.shared_out(examples), strict=True):
                writer.write(part)


@beam.ptransform_fn
@with_input_types(beam.Pipeline)
def _files_to_examples(pipeline: beam.Pipeline, exec_properties: dict[str, Any], split_pattern: str) -> PCollection:
    tables = Tables.of(exec_properties, split_pattern)
    wanted = _proto(exec_properties, standard_component_specs.OUTPUT_CONFIG_KEY, example_gen_pb2.Output())
    examples = (
        pipeline
        | "Pieces" >> beam.Create(tables.pieces())
        | "SpreadPieces" >> beam.Reshuffle()
        | "ToExamples" >> beam.FlatMap(_examples_of, tables).with_output_types(bytes)
    )
    if wanted.split_config.partition_feature_name:
        # TFX hashes a feature only of a parsed example; of bytes it hashes all.
        return examples | "Parse" >> beam.Map(tf.train.Example.FromString)
    return examples


def _examples_of(piece: table_files.Piece, tables: Tables) -> Iterator[bytes]:
    for examples in tables.examples_of(piece, Records(tables.reading)):
        yield from examples


def _in_this_process(beam_args: Sequence[object]) -> bool:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runner", default="DirectRunner")
    return parser.parse_known_args(list(map(str, beam_args)))[0].runner.rpartition(".")[2].lower() in _HERE


def _proto(exec_properties: Mapping[str, Any], key: str, message: Any) -> Any:
    proto_utils.json_to_proto(exec_properties[key], message)
    return message
