"""The nodes that make, evaluate, judge and push TF Lite files."""

from __future__ import annotations

import json

import tensorflow_model_analysis as tfma
from tfx.components.evaluator.component import Evaluator
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types.channel import Channel
from tfx.types.channel_utils import union

from components.lite_export import LiteExport
from components.lite_gate import LiteGate
from components.lite_pusher import LitePusher
from pipeline.config import Config, Lite
from pipeline.digest import source_digest
from pipeline.lite_evaluation import eval_config
from trainer.lite_variants import Variant


def gate_id(variant: Variant) -> str:
    """The node that judges a variant."""
    return f"LiteGate_{variant}"


def judged_exports(
    lite: Lite,
    *,
    label: str,
    served: tfma.EvalConfig,
    model: Channel,
    transform: BaseComponent,
    evaluation: Channel,
    after: BaseNode,
) -> list[BaseNode]:
    """Three nodes for each variant: export, evaluation and gate.

    Args:
        lite: the configured variants and limits.
        label: as JSON.
        served: how the SavedModel is evaluated.
        model: the Trainer's.
        transform: the Transform node.
        evaluation: the SavedModel's.
        after: the node that must have passed before.
    """
    config = eval_config(served, thresholds=lite.thresholds)
    nodes: list[BaseNode] = []
    for variant in lite.variants:
        export = LiteExport(
            model=model,
            transform_graph=transform.outputs["transform_graph"],
            transformed_examples=transform.outputs["transformed_examples"],
            label=label,
            variant=variant,
            num_representative=lite.num_representative,
            code=source_digest("components.lite_export"),
        ).with_id(f"LiteExport_{variant}")
        export.add_upstream_node(after)
        evaluator = Evaluator(
            examples=transform.outputs["transformed_examples"],
            model=export.outputs["lite_model"],
            eval_config=config,
        ).with_id(f"LiteEvaluator_{variant}")
        gate = LiteGate(
            evaluation=evaluator.outputs["evaluation"],
            reference=evaluation,
            variant=variant,
            thresholds=json.dumps([threshold.model_dump() for threshold in lite.thresholds]),
        ).with_id(gate_id(variant))
        nodes += [export, evaluator, gate]
    return nodes


def lite_pusher(config: Config, *, judged: list[BaseNode], pushed_model: Channel) -> BaseNode:
    """The node that pushes all variants.

    Args:
        config: the pipeline's.
        judged: from `judged_exports`.
        pushed_model: the Pusher's; it ran only if every gate passed.
    """
    return LitePusher(
        lite_models=union([node.outputs["lite_model"] for node in judged if "lite_model" in node.outputs]),
        pushed_model=pushed_model,
        base_directory=str(config.lite_folder),
    )
