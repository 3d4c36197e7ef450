"""The nodes that make, evaluate, judge and push TF Lite files."""

from __future__ import annotations

import json

import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import standard_component_specs
from tfx.types.channel import Channel

from components.gates.evaluator import Evaluator
from components.lite.export import LiteExport
from components.lite.gate import LiteGate
from components.lite.pusher import LitePusher
from pipeline.config.lite import Lite
from pipeline.config.metrics import METRICS
from pipeline.nodes.lite_eval_config import eval_config
from pipeline.sources import source_digest
from trainer.export.lite_variants import Variant
from trainer.parameters import Label

PUSHER = "LitePusher"


def gate_id(variant: Variant) -> str:
    """The node that judges a variant."""
    return f"LiteGate_{variant}"


def judged_exports(
    lite: Lite, *, label: Label, model: Channel, transform: BaseComponent, evaluator: BaseComponent, after: BaseNode
) -> list[BaseNode]:
    """Three nodes for each variant: export, evaluation and gate.

    Args:
        lite: the configured variants and limits.
        label: what the model predicts.
        model: from the Trainer.
        transform: the Transform node.
        evaluator: the Evaluator of the SavedModel.
        after: the node that must have passed before.
    """
    served = json_format.Parse(evaluator.exec_properties[standard_component_specs.EVAL_CONFIG_KEY], tfma.EvalConfig())
    config = eval_config(served, thresholds=lite.thresholds)
    metrics = METRICS[label.task]
    limits = [
        {**limit.model_dump(), "higher_is_better": metrics[limit.metric].higher_is_better} for limit in lite.thresholds
    ]
    nodes: list[BaseNode] = []
    for variant in lite.variants:
        export = LiteExport(
            model=model,
            transform_graph=transform.outputs["transform_graph"],
            transformed_examples=transform.outputs["transformed_examples"],
            label=label.model_dump_json(),
            variant=variant,
            num_representative=lite.num_representative,
            code=source_digest("components.lite.export"),
        ).with_id(f"LiteExport_{variant}")
        export.add_upstream_node(after)
        evaluation = Evaluator(
            examples=transform.outputs["transformed_examples"],
            model=export.outputs["lite_model"],
            eval_config=config,
        ).with_id(f"LiteEval_{variant}")
        gate = LiteGate(
            evaluation=evaluation.outputs["evaluation"],
            reference=evaluator.outputs["evaluation"],
            variant=variant,
            thresholds=json.dumps(limits),
        ).with_id(gate_id(variant))
        nodes += [export, evaluation, gate]
    return nodes


def lite_pusher(*, judged: list[BaseNode], pushed_model: Channel, folder: str) -> BaseNode:
    """The node that pushes all variants.

    Args:
        judged: from `judged_exports`.
        pushed_model: from the Pusher, which runs only if every gate passed.
        folder: its children are the versions.
    """
    return LitePusher(
        pushed_model=pushed_model,
        base_directory=folder,
        **{
            node.exec_properties["variant"]: node.outputs["lite_model"]
            for node in judged
            if "lite_model" in node.outputs
        },
    ).with_id(PUSHER)
