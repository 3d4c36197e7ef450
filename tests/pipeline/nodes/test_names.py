"""The ids that are known without TFX are those of the nodes that TFX gets, and their order is its own."""

from pathlib import Path

import pytest

from pipeline import dag
from pipeline.config.loading import load
from pipeline.nodes import names
from pipeline.nodes.gates import own_gates

pytestmark = pytest.mark.tensorflow

LITE = "lite={variants: [int8, float32, float16], thresholds: [{metric: auc, max_loss: 0.1}]}"
TUNER = "trainer.tuner={space: {loop.optimizer.learning_rate: {choices: [0.1, 0.2]}}}"
TREES = ("gates.evaluation.reference=hist_gradient_boosting", "gates.evaluation.reference_refuse=0.5")
ENDPOINT = "platform.endpoint={name: taxi}"
BATCH = "batch={input: ['data/taxi/*.csv']}"


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("local", ()),
        ("local", ("schema=null",)),
        ("local", (TUNER, "trainer.loop.warm_start=true")),  # part: tuner
        ("local", (LITE,)),  # part: lite
        ("local", TREES),
        ("local", (BATCH,)),  # part: batch
        ("vertex", ()),  # part: vertex
        ("kubeflow", TREES),
    ],
)
def test_names_and_order_are_those_of_the_pipeline(profile, words, tmp_path):
    config = load(config=Path("configs/taxi.yaml"), profile=profile, overrides=[*words, f"runs={tmp_path}"])
    order = [node.id for node in dag.build(config).pipeline.components]
    assert sorted(names.nodes(config)) == sorted(order)
    early = [(one, other) for one in order for other in order if names.comes_before(one, other, config)]
    assert all(order.index(one) < order.index(other) for one, other in early)
    assert ("Trainer", "Evaluator") in early
    assert {"ExampleGen", "StatisticsGen", "Transform"} <= {*names.before("Trainer", config)}


def test_a_gate_of_one_s_own_may_have_any_name_that_its_module_has(monkeypatch):
    config = load(config=Path("configs/taxi.yaml"), profile="local")
    assert not names.may_be("HoldBack", config)
    monkeypatch.setattr(own_gates, "BEFORE_PUSH", ("model_gate",))
    assert names.may_be("ModelGate", config)
    assert names.may_be("prediction_findings", config)
    assert not names.may_be("HoldBack", config)


def test_a_node_that_no_step_has_named_is_told_to_its_author(monkeypatch):
    from pipeline.nodes.data import add_validated_examples

    def add_one_more(graph):
        add_validated_examples(graph)
        graph.add(graph["StatisticsGen"].with_id("Twice"))

    monkeypatch.setattr(dag, "_STEPS", (add_one_more,))
    with pytest.raises(ValueError, match=r"names\.py lacks Twice, so that --from and --to would refuse it; add it\."):
        dag.build(load(config=Path("configs/taxi.yaml"), profile="local"))
