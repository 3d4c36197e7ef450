"""The nodes before the training: ingest, statistics, schema, validation, and Transform."""

from __future__ import annotations

import json

from google.protobuf import json_format
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.transform.component import Transform
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.dsl.components.common.resolver import Resolver
from tfx.proto import example_gen_pb2
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import ExampleAnomalies, ExampleStatistics, PushedModel
from tfx.utils import proto_utils

from components.example_gen import spans
from components.example_gen.driver import StampedExampleGen
from components.example_gen.executor import Executor as ExampleGenExecutor
from components.example_gen.executor import custom_config as example_gen_config
from components.example_gen.fingerprint import DataFingerprint, SnapshotExampleGen
from components.example_gen.reading import Reading
from components.example_gen.rows.options import ByColumn, ByFiles, ByRow, Rows, Splits
from components.example_gen.snapshot import SNAPSHOT
from components.example_gen.sql.component import sql_example_gen  # part: sql
from components.gates.data.data_gate import INFERRED, DataGate
from components.gates.data.drift.previous_span import Spans
from components.push.champion_folder import ChampionData
from components.push.served_statistics import ServedStatisticsStrategy
from pipeline.checks.columns import schema_features
from pipeline.checks.reading import reading_of
from pipeline.config.config import Config
from pipeline.config.sources.sql import Sql  # part: sql
from pipeline.config.training.trainer import Trainer as TrainerConfig
from pipeline.nodes.gates import own_gates
from pipeline.nodes.graph import Graph
from pipeline.nodes.requests import logged_requests  # part: request_log
from pipeline.nodes.training.trainer import custom_config
from trainer.features.columns import kind_modules


def add_validated_examples(graph: Graph) -> None:
    """ExampleGen to DataGate, and the gates of your own before the training."""
    config = graph.config
    # The cache key is made here: on a platform, that of a query does not know its rows.
    uncached = config.data.path is None and config.platform is not None
    example_gen = graph.add(_example_gen(graph), uncached=uncached)
    statistics_gen = graph.add(StatisticsGen(examples=example_gen.outputs["examples"]))
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = graph.add(_schema_gen(graph, statistics))
    graph.add(ExampleValidator(statistics=statistics, schema=schema_gen.outputs["schema"]))
    graph.add(
        DataGate(
            **_served_statistics(graph),
            schema=schema_gen.outputs["schema"],
            features=_features(config),
            previous_span=_previous_span(graph),
            drift=config.gates.data.drift.model_dump_json(),
            requests=logged_requests(config),  # part: request_log
            anomalies=graph.output("ExampleValidator.anomalies"),
            statistics=statistics,
            examples=example_gen.outputs["examples"],
            label=config.label.model_dump_json(),
            fail_on=config.gates.data.fail_on,
            allow=json.dumps(config.gates.data.allow),
            leaks=config.gates.data.leaks,
            example_weight=config.example_weight or "",
        ),
        gate=True,
    )
    own_gates.add(graph, own_gates.BEFORE_TRAINING)


def add_transform(graph: Graph) -> None:
    """Transform, once the data has passed every gate so far."""
    config = graph.config
    transform = Transform(
        examples=graph.output("ExampleGen.examples"),
        schema=graph.output("SchemaGen.schema"),
        preprocessing_fn=config.trainer.preprocessing_fn,
        disable_statistics=True,
        # It pays when spans are added to spans; with one span it is a third of the node's time.
        disable_analyzer_cache=True,
        custom_config=custom_config(
            config.preprocessing_parameters(), config.trainer.preprocessing_fn, *kind_modules(config.features)
        ),
    )
    for gate in graph.gates:
        transform.add_upstream_node(graph[gate])
    graph.add(transform)


def _example_gen(graph: Graph) -> BaseComponent:
    config = graph.config
    data = config.data
    rows, reading = _rows(config), _reading(config)
    arguments = {
        "input_config": example_gen_pb2.Input(
            splits=[example_gen_pb2.Input.Split(name=name, pattern=glob) for name, glob in data.patterns.items()]
        ),
        "output_config": example_gen_pb2.Output(split_config=_split_config(data.splits)),
        "custom_config": example_gen_config(reading, rows),
    }
    if isinstance(data, Sql):  # part: sql
        return sql_example_gen(data.as_query(), **arguments).with_id("ExampleGen")  # part: sql
    if config.platform is not None:
        return _snapshot_example_gen(graph, **arguments).with_id("ExampleGen")
    component = StampedExampleGen if data.window > 1 or reading.pictures else FileBasedExampleGen
    example_gen = component(
        input_base=graph.places.data, custom_executor_spec=BeamExecutorSpec(ExampleGenExecutor), **arguments
    )
    return example_gen.with_id("ExampleGen")


def _rows(config: Config) -> Rows:
    data = config.data
    return Rows(
        where=data.where,
        label=config.label.columns,
        missing=config.label.missing,
        splits=data.splits,
        window=data.window,
        patterns=tuple(data.patterns.values()),
    )


def _snapshot_example_gen(
    graph: Graph,
    *,
    input_config: example_gen_pb2.Input,
    custom_config: example_gen_pb2.CustomConfig,
    output_config: example_gen_pb2.Output,
) -> SnapshotExampleGen:
    """With a node before it that looks at the files: on a platform, no driver does so before the cache is asked."""
    fingerprint = DataFingerprint(
        input_base=graph.places.data,
        input_config=proto_utils.proto_to_json(input_config),
        custom_config=proto_utils.proto_to_json(custom_config),
    )
    graph.add(fingerprint, uncached=True)
    return SnapshotExampleGen(
        snapshot=fingerprint.outputs[SNAPSHOT].future()[0].value,
        input_base=graph.places.data,
        input_config=input_config,
        custom_config=custom_config,
        output_config=output_config,
        output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
        output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
    )


def _split_config(splits: Splits) -> example_gen_pb2.SplitConfig | None:
    """The splits in TFX's terms: it hashes, and splits by files are the inputs'. Of other ways it learns the names."""
    if isinstance(splits, ByFiles):
        return None
    buckets = splits.given if isinstance(splits, (ByRow, ByColumn)) else dict.fromkeys(splits.names, 1)
    return example_gen_pb2.SplitConfig(
        splits=[example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=count) for name, count in buckets.items()],
        partition_feature_name=splits.column if isinstance(splits, ByColumn) else None,
    )


def _features(config: Config) -> str:
    """What the data gate is to know of the features; nothing if a function of one's own decides."""
    if config.features:
        return config.features.model_dump_json()
    return INFERRED if config.trainer.preprocessing_fn == TrainerConfig().preprocessing_fn else ""


def _previous_span(graph: Graph) -> str:
    """What the data gate compares with before anything is served."""
    config, data = graph.config, graph.config.data
    patterns = [pattern for pattern in data.patterns.values() if spans.has_spans(pattern)]
    split_config = _split_config(data.splits)
    if config.platform is not None or not _compares(config) or len(patterns) != 1 or split_config is None:
        return ""
    given = Spans(
        base=graph.places.data,
        pattern=patterns[0],
        window=data.window,
        reading=_reading(config),
        rows=_rows(config),
        splits=json_format.MessageToJson(split_config, indent=None),
    )
    return given.model_dump_json()


def _compares(config: Config) -> bool:
    """Whether there is anything to compare with; a new start has nothing."""
    return config.gates.evaluation.baseline == "latest"


def _reading(config: Config) -> Reading:
    return reading_of(config, schema_features(config.schema_path) if config.schema_path else {})


def _served_statistics(graph: Graph) -> dict[str, Channel]:
    """What the data gate compares with."""
    if graph.places.champion is not None:
        found = ChampionData(folder=graph.places.champion, enabled=int(_compares(graph.config)))
        graph.add(found.with_id("ServedData"), uncached=True)
        return {"served_statistics": found.outputs["statistics"], "served_profile": found.outputs["profile"]}
    resolver = Resolver(
        strategy_class=ServedStatisticsStrategy,
        config={"enabled": _compares(graph.config)},
        statistics=Channel(type=ExampleStatistics),
        profile=Channel(type=ExampleAnomalies),
        pushed_model=Channel(type=PushedModel),
    ).with_id("ServedData")
    graph.add(resolver, uncached=True)
    names = {"served_statistics": "statistics", "served_profile": "profile", "served_model": "pushed_model"}
    return {name: resolver.outputs[key] for name, key in names.items()}


def _schema_gen(graph: Graph, statistics: Channel) -> BaseNode:
    if graph.places.schema:
        return ImportSchemaGen(schema_file=graph.places.schema).with_id("SchemaGen")
    return SchemaGen(statistics=statistics)
