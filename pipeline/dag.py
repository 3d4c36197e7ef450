"""The DAG: from data to the serving folder, through every gate."""

from __future__ import annotations

import json
from typing import get_args

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.transform.component import Transform
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2
from tfx.types.channel import Channel

from components.example_gen.executor import Executor as ExampleGenExecutor
from components.example_gen.executor import custom_config as example_gen_config
from components.gates.data_gate import DataGate
from components.gates.evaluator import Evaluator
from components.gates.infra_validator import InfraValidator
from components.gates.model_gate import ModelGate
from components.push.pusher import Pusher
from pipeline.beam.arguments import beam_args
from pipeline.checks import schema_features
from pipeline.config.config import Config
from pipeline.nodes.champion import BASELINE, WARM_START, champion_node
from pipeline.nodes.endpoint import ENDPOINT_PUSHER, endpoint_nodes
from pipeline.nodes.eval_config import eval_config
from pipeline.nodes.lite import PUSHER, gate_id, judged_exports, lite_pusher
from pipeline.nodes.places import Places, places
from pipeline.nodes.training import custom_config, training_nodes
from pipeline.sources import source_digest
from trainer.export.lite_variants import Variant

# Nodes that refuse by ending the run.
GATES = frozenset({"DataGate", "ModelGate", "Pusher", *map(gate_id, get_args(Variant))})
# Nodes that decide or act: they look at the world as it is now and are never answered from the cache.
UNCACHED = GATES | {BASELINE, WARM_START, PUSHER, ENDPOINT_PUSHER}


def build(config: Config) -> Pipeline:
    """Compose the pipeline that ``config`` describes; nothing runs yet."""
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=places(config).artifacts,
        components=nodes(config),
        enable_cache=config.cache,
        # It creates the run folder; a platform has its own metadata, and compiling writes nothing here.
        metadata_connection_config=(
            None if config.platform else sqlite_metadata_connection_config(str(config.metadata_file))
        ),
        beam_pipeline_args=beam_args(config.beam),
    )


def nodes(config: Config) -> list[BaseNode]:
    """The nodes in the order of the data's way."""
    where = places(config)
    example_gen = _example_gen(config, where)
    examples = example_gen.outputs["examples"]
    statistics_gen = StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    if where.schema:
        schema_gen = ImportSchemaGen(schema_file=where.schema).with_id("SchemaGen")
    else:
        schema_gen = SchemaGen(statistics=statistics)
    schema = schema_gen.outputs["schema"]
    example_validator = ExampleValidator(statistics=statistics, schema=schema)
    data_gate = DataGate(
        anomalies=example_validator.outputs["anomalies"],
        statistics=statistics,
        label=config.label.model_dump_json(),
        fail_on=config.gates.data.fail_on,
        allow=",".join(config.gates.data.allow),
    )
    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=config.trainer.preprocessing_fn,
        disable_statistics=True,
        # It pays when spans are added to spans; with one span it is a third of the node's time.
        disable_analyzer_cache=True,
        custom_config=custom_config(config.preprocessing_parameters(), config.trainer.preprocessing_fn),
    )
    transform.add_upstream_node(data_gate)
    *before, trainer = training_nodes(config, schema=schema, transform=transform)
    return [
        example_gen,
        statistics_gen,
        schema_gen,
        example_validator,
        data_gate,
        transform,
        *before,
        trainer,
        *_gates_and_push(config, examples=examples, schema=schema, transform=transform, trainer=trainer),
    ]


def _gates_and_push(
    config: Config, *, examples: Channel, schema: Channel, transform: BaseComponent, trainer: BaseComponent
) -> list[BaseNode]:
    model = trainer.outputs["model"]
    gate = config.gates.evaluation
    where = places(config)
    baseline = champion_node(BASELINE, champion=where.champion, enabled=gate.baseline == "latest", candidate=model)
    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        eval_config=eval_config(gate, label=config.label, weighted=config.example_weight is not None),
        schema=schema,
    )
    blessing = evaluator.outputs["blessing"]
    model_gate = ModelGate(
        evaluation=evaluator.outputs["evaluation"],
        blessing=blessing,
        baseline=baseline.outputs["model"],
        slice_thresholds=json.dumps(
            [threshold.model_dump() for threshold in gate.thresholds if threshold.slice is not None]
        ),
        min_slice_size=gate.min_slice_size,
        first_run=gate.first_run,
    )
    infra = config.gates.infra
    infra_validator = InfraValidator(
        model=model,
        transform_graph=transform.outputs["transform_graph"],
        examples=examples,
        label=config.label.model_dump_json(),
        split="eval",
        num_examples=infra.num_examples,
        tolerance=infra.tolerance,
        timeout_seconds=infra.timeout_seconds,
        warmup=int(infra.warmup),
        code=source_digest("components.gates.infra_validator"),
    )
    infra_validator.add_upstream_node(model_gate)
    pusher = Pusher(
        model=model,
        model_blessing=blessing,
        infra_blessing=infra_validator.outputs["blessing"],
        base_directory=where.serving,
        champion=where.champion or "",
    )
    nodes = [baseline, evaluator, model_gate, infra_validator]
    if config.lite is None:
        return [*nodes, pusher, *endpoint_nodes(config, pusher)]
    judged = judged_exports(
        config.lite, label=config.label, model=model, transform=transform, evaluator=evaluator, after=infra_validator
    )
    for node in judged:
        pusher.add_upstream_node(node)
    pushed = pusher.outputs["pushed_model"]
    lite = lite_pusher(judged=judged, pushed_model=pushed, folder=where.lite)
    return [*nodes, *judged, pusher, lite, *endpoint_nodes(config, pusher)]


def _example_gen(config: Config, where: Places) -> BaseComponent:
    data = config.data
    splits = [
        example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=buckets) for name, buckets in data.splits.items()
    ]
    options = {
        "input_base": where.data,
        "input_config": example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="all", pattern=data.pattern)]),
        "output_config": example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=splits)),
    }
    types = schema_features(config.schema_path) if config.schema_path else {}
    example_gen = FileBasedExampleGen(
        **options,
        custom_config=example_gen_config(kind=data.format, types=types),
        custom_executor_spec=BeamExecutorSpec(ExampleGenExecutor),
    )
    return example_gen.with_id("ExampleGen")
