"""Runs ExampleGen executors on folders of files, and reads what they wrote."""

import collections
from pathlib import Path

import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.example_gen.executor import Executor, custom_config
from components.example_gen.reading import Reading
from components.example_gen.rows.options import Rows
from pipeline.config.beam.engine import NO_SDIST

HASHED = {"train": 2, "eval": 1}


def ingest(
    data: Path,
    output: Path,
    *,
    executor: type[BaseBeamExecutor] = Executor,
    kind: str = "csv",
    types: dict | None = None,
    reading: dict | None = None,
    patterns: dict | None = None,
    splits: dict | None = HASHED,
    feature: str = "",
    rows: dict | None = None,
    properties: dict | None = None,
    runner: str = "FnApiRunner",
) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    inputs = [
        example_gen_pb2.Input.Split(name=name, pattern=pattern)
        for name, pattern in (patterns or {"all": f"*.{kind}*"}).items()
    ]
    outputs = [
        example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=count) for name, count in (splits or {}).items()
    ]
    custom = custom_config(Reading(kind=kind, types=types or {}, **reading or {}), Rows(**(rows or {})))
    config = example_gen_pb2.SplitConfig(splits=outputs, partition_feature_name=feature or None)
    all_properties = {
        "input_base": str(data),
        "input_config": proto_utils.proto_to_json(example_gen_pb2.Input(splits=inputs)),
        "output_config": proto_utils.proto_to_json(example_gen_pb2.Output(split_config=config if splits else None)),
        "output_data_format": example_gen_pb2.FORMAT_TF_EXAMPLE,
        "custom_config": proto_utils.proto_to_json(custom),
        **(properties or {}),
    }
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=[f"--runner={runner}", NO_SDIST], tmp_dir=str(output.parent / "temporary"), unique_id="1"
    )
    executor(context).Do({}, {"examples": [artifact]}, all_properties)
    return artifact


def written(output: Path) -> dict[str, collections.Counter]:
    """How often each example is in each split, as deterministic bytes."""
    return {
        folder.name.removeprefix("Split-"): collections.Counter(
            tf.train.Example.FromString(record.numpy()).SerializeToString(deterministic=True)
            for record in tf.data.TFRecordDataset(sorted(map(str, folder.glob("data_tfrecord-*"))), "GZIP")
        )
        for folder in output.glob("Split-*")
    }


def with_one_form_of_missing(rows: dict[str, collections.Counter]) -> dict[str, collections.Counter]:
    """What TFX wrote, with its two forms of a missing value made one: features without a kind, not without a value."""

    def clear(record: bytes) -> bytes:
        example = tf.train.Example.FromString(record)
        for feature in example.features.feature.values():
            kind = feature.WhichOneof("kind")
            if kind and not getattr(feature, kind).value:
                feature.Clear()
        return example.SerializeToString(deterministic=True)

    return {
        split: collections.Counter(clear(record) for record in examples.elements()) for split, examples in rows.items()
    }


def plain(output: Path) -> list[dict]:
    """All examples as dicts of lists."""
    found = []
    for split in written(output).values():
        for example in split.elements():
            features = tf.train.Example.FromString(example).features.feature
            found.append(
                {
                    name: list(getattr(value, value.WhichOneof("kind")).value)
                    for name, value in features.items()
                    if value.WhichOneof("kind")
                }
            )
    return found
