"""The nodes that judge a trained model: Evaluator and ModelGate against the baseline, then InfraValidator."""

from __future__ import annotations

import json

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import ModelEvaluation, PushedModel

from components.evaluator.component import Evaluator
from components.gates.infra_validator import InfraValidator
from components.gates.model_gate import ModelGate
from components.gates.reference_gate import ReferenceGate
from components.push.champion_folder import ChampionEvaluation
from components.push.served_evaluation import ServedEvaluationStrategy
from components.reference.component import Reference
from pipeline.nodes.champion import BASELINE, champion_node
from pipeline.nodes.gates import own_gates
from pipeline.nodes.gates.eval_config import bounds, eval_config, policy
from pipeline.nodes.graph import Graph
from pipeline.sources import source_digest


def add_evaluation(graph: Graph) -> None:
    """Baseline, Evaluator, ModelGate, and what boosted trees reach."""
    config, model = graph.config, graph.output("Trainer.model")
    gate = config.gates.evaluation
    baseline = champion_node(
        BASELINE, champion=graph.places.champion, enabled=gate.baseline == "latest", candidate=model
    )
    graph.add(baseline, uncached=True)
    evaluator = graph.add(
        Evaluator(
            examples=graph.output("ExampleGen.examples"),
            model=model,
            baseline_model=baseline.outputs["model"],
            eval_config=eval_config(gate, parameters=config.parameters()),
            schema=graph.output("SchemaGen.schema"),
            replicates=gate.confidence.replicates if gate.confidence else None,
            edges=gate.edges(),
        )
    )
    reference = _reference(graph)
    model_gate = graph.add(
        ModelGate(
            evaluation=evaluator.outputs["evaluation"],
            blessing=evaluator.outputs["blessing"],
            baseline=baseline.outputs["model"],
            slice_thresholds=json.dumps(
                [threshold.limits() for threshold in gate.thresholds if threshold.slice is not None]
            ),
            min_slice_size=gate.min_slice_size,
            first_run=gate.first_run,
            bounds=by_bounds.model_dump_json() if (by_bounds := bounds(gate)) else "",
            policy=policy(gate, config.label.task).model_dump_json(),
            bless_anyway=graph.bless_anyway,
            **_served_evaluation(graph, baseline),
        ),
        gate=True,
    )
    if reference is None:
        return
    # So that a refusal can say what the data allow.
    model_gate.add_upstream_node(reference)
    if gate.reference_refuse is not None:
        reference_gate = ReferenceGate(
            evaluation=evaluator.outputs["evaluation"],
            reference=reference.outputs["reference"],
            refuse=gate.reference_refuse,
            bless_anyway=graph.bless_anyway,
        )
        reference_gate.add_upstream_node(model_gate)
        graph.before_push.append(graph.add(reference_gate, gate=True))


def _served_evaluation(graph: Graph, baseline: BaseNode) -> dict[str, Channel]:
    """What the baseline reached when it was pushed."""
    if graph.places.champion is not None:
        found = ChampionEvaluation(model=baseline.outputs["model"], folder=graph.places.champion)
        graph.add(found.with_id("ServedEvaluation"), uncached=True)
        return {"served_evaluation": found.outputs["evaluation"]}
    resolver = Resolver(
        strategy_class=ServedEvaluationStrategy,
        # Of that node alone: others write evaluations, too, such as of TF Lite files.
        evaluation=Channel(type=ModelEvaluation, producer_component_id="Evaluator", output_key="evaluation"),
        pushed_model=Channel(type=PushedModel),
        model=baseline.outputs["model"],
    ).with_id("ServedEvaluation")
    graph.add(resolver, uncached=True)
    return {"served_evaluation": resolver.outputs["evaluation"]}


def _reference(graph: Graph) -> BaseNode | None:
    """What boosted trees reach on the same rows."""
    config = graph.config
    if config.gates.evaluation.reference is None:
        return None
    reference = Reference(
        examples=graph.output("ExampleGen.examples"),
        label=config.label.model_dump_json(),
        features=config.features.model_dump_json() if config.features else "",
        example_weight=config.example_weight or "",
        code=source_digest("components.reference.component"),
    )
    # Trees learn no better from bad data.
    for gate in graph.gates:
        reference.add_upstream_node(graph[gate])
    return graph.add(reference)


def add_infra_validation(graph: Graph) -> None:
    """InfraValidator, and the gates of your own before the push."""
    infra = graph.config.gates.infra
    infra_validator = InfraValidator(
        model=graph.output("Trainer.model"),
        transform_graph=graph.output("Transform.transform_graph"),
        examples=graph.output("ExampleGen.examples"),
        label=graph.config.label.model_dump_json(),
        split="eval",
        num_examples=infra.num_examples,
        evaluation=graph.output("Evaluator.evaluation"),
        num_worst=infra.num_worst,
        tolerance=infra.tolerance,
        timeout_seconds=infra.timeout_seconds,
        warmup=int(infra.warmup),
        budgets=infra.budgets.model_dump_json(),
        code=source_digest("components.gates.infra_validator"),
    )
    infra_validator.add_upstream_node(graph["ModelGate"])
    # The same export gets the same verdict.
    graph.add(infra_validator, gate=True, uncached=False)
    graph.before_push += [graph[gate] for gate in own_gates.add(graph, own_gates.BEFORE_PUSH)]
