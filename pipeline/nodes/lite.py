"""The nodes that make, evaluate, judge and push TF Lite files."""

from __future__ import annotations

import json
from collections.abc import Iterable

import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2
from tfx.types import standard_component_specs

from components.evaluator.component import Evaluator
from components.lite.export import LiteExport
from components.lite.gate import LiteGate
from components.lite.pusher import LitePusher
from pipeline.config.gates.metrics import known_metrics
from pipeline.config.lite import LiteThreshold
from pipeline.config.loading import ConfigError
from pipeline.nodes.graph import Graph
from pipeline.sources import source_digest

_EXPORT = "LiteExport_"


def add_lite(graph: Graph) -> None:
    """Three nodes for each variant that ``lite`` asks for: export, evaluation and gate."""
    lite = graph.config.lite
    if lite is None:
        return
    evaluator = graph["Evaluator"]
    served = json_format.Parse(
        evaluator.exec_properties[standard_component_specs.EVAL_CONFIG_KEY], config_pb2.EvalConfig()
    )
    config = lite_eval_config(served, thresholds=lite.thresholds)
    metrics = known_metrics(graph.config.parameters())
    limits = [
        {**limit.model_dump(), "higher_is_better": metrics[limit.metric].higher_is_better} for limit in lite.thresholds
    ]
    for variant in lite.variants:
        export = LiteExport(
            model=graph.output("Trainer.model"),
            transform_graph=graph.output("Transform.transform_graph"),
            transformed_examples=graph.output("Transform.transformed_examples"),
            label=graph.config.label.model_dump_json(),
            variant=variant,
            num_representative=lite.num_representative,
            code=source_digest("components.lite.export"),
        ).with_id(f"{_EXPORT}{variant}")
        export.add_upstream_node(graph["InfraValidator"])
        evaluation = Evaluator(
            examples=graph.output("Transform.transformed_examples"),
            model=export.outputs["lite_model"],
            eval_config=config,
        ).with_id(f"LiteEval_{variant}")
        gate = LiteGate(
            evaluation=evaluation.outputs["evaluation"],
            reference=graph.output("Evaluator.evaluation"),
            variant=variant,
            thresholds=json.dumps(limits),
        ).with_id(f"LiteGate_{variant}")
        graph.before_push += [graph.add(export), graph.add(evaluation), graph.add(gate, gate=True)]


def add_lite_push(graph: Graph) -> None:
    """LitePusher, which pushes all variants once the SavedModel is pushed."""
    exports = [node for id_, node in graph.items() if id_.startswith(_EXPORT)]
    if not exports:
        return
    pusher = LitePusher(
        pushed_model=graph.output("Pusher.pushed_model"),
        base_directory=lite_folder(graph.places.serving),
        **{node.exec_properties["variant"]: node.outputs["lite_model"] for node in exports},
    )
    graph.add(pusher, uncached=True)


def lite_folder(serving: str) -> str:
    """The folder of the TF Lite files' versions: ``.../serving_lite/NAME`` for ``.../serving/NAME``."""
    root, _, name = serving.rpartition("/")
    return f"{root}_lite/{name}"


def lite_eval_config(served: config_pb2.EvalConfig, *, thresholds: Iterable[LiteThreshold]) -> config_pb2.EvalConfig:
    """What the Evaluator computes for a TF Lite file.

    The metrics are those of the SavedModel, with the same options, so that the two can be compared; their limits are
    left out, since LiteGate limits the difference. The transformed examples have label and weight under the names of
    the SavedModel's evaluation; they have no raw features, so there are no slices.

    Args:
        served: configuration of the SavedModel's evaluation.
        thresholds: limits that LiteGate applies.

    Raises:
        ConfigError: a limit is on a metric that is not computed.
    """
    [spec] = served.model_specs
    config = config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                model_type=tfma.TF_LITE, label_key=spec.label_key, example_weight_key=spec.example_weight_key
            )
        ],
        slicing_specs=[config_pb2.SlicingSpec()],
        metrics_specs=served.metrics_specs,
    )
    metrics = [metric for specs in config.metrics_specs for metric in specs.metrics]
    for metric in metrics:
        metric.ClearField("threshold")
        metric.ClearField("per_slice_thresholds")
    known = sorted(json.loads(metric.config)["name"] for metric in metrics if metric.config)
    for index, threshold in enumerate(thresholds):
        if threshold.metric not in known:
            raise ConfigError(
                f"lite.thresholds.{index}.metric: the SavedModel is not evaluated by {threshold.metric!r}, but by "
                f"{', '.join(known)}; a metric with a limit under gates.evaluation.thresholds is evaluated as well."
            )
    return config
