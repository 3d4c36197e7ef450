"""What was seen of a model that a gate refused: why it may be no better, and what to change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from components.gates.evaluation import ALL_EXAMPLES, CANDIDATE, metrics_by_slice
from components.gates.reference_gate import compare
from components.reference.component import load, load_trivial
from pipeline.config.config import Config
from pipeline.running import metadata
from trainer.run_fn import HISTORY

# The gates that judge what a model answers.
GATES = ("ModelGate", "ReferenceGate")
# How much larger the loss is on held-back rows where a network has learnt its rows by heart.
_OVERFITTED = 1.5
_SAME = 0.02

Outputs = Mapping[tuple[str, str], metadata_store_pb2.Artifact]


def hints(config: Config, *, run_id: str) -> Iterator[str]:
    """What was seen, one text each.

    Args:
        config: the pipeline.
        run_id: the run that ended with the refusal.
    """
    outputs = metadata.output_artifacts(metadata.open_store(config.metadata_source), run_id=run_id)
    if trained := outputs.get(("Trainer", "model_run")):
        history = Path(trained.uri) / HISTORY
        if history.is_file():
            yield from of_training([json.loads(line) for line in history.read_text().splitlines()])
    evaluation, reference = outputs.get(("Evaluator", "evaluation")), outputs.get(("Reference", "reference"))
    if evaluation and reference:
        model = metrics_by_slice(evaluation.uri, CANDIDATE).get(ALL_EXAMPLES, {})
        warn = config.gates.evaluation.reference_warn
        yield from of_reference(model, load(reference.uri), load_trivial(reference.uri), warn=warn)


def of_training(history: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Whether the training ended too early, or learnt its rows by heart.

    Args:
        history: its reports in order, as `trainer.loop.progress` writes them.
    """
    evaluated = [report for report in history if report["eval"]]
    if not evaluated:
        return
    losses = [report["eval"]["loss"] for report in evaluated]
    last = evaluated[-1]
    if len(losses) > 1 and losses[-1] == min(losses) and last["step"] >= last["steps"]:
        yield (
            f"it still became better on held-back rows when it ended at step {last['step']:,}; raise "
            "trainer.loop.epochs or steps, or leave both out"
        )
        return
    # A training that stops early goes back to its best weights.
    kept = last if last["step"] >= last["steps"] else evaluated[losses.index(min(losses))]
    if 0 < kept["loss"] * _OVERFITTED < kept["eval"]["loss"]:
        yield (
            f"its loss is {kept['loss']:.3g} in training and {kept['eval']['loss']:.3g} on held-back rows; more rows, "
            "dropout, weight decay, fewer epochs or fewer columns may help"
        )


def of_reference(
    model: Mapping[str, float], reference: Mapping[str, float], trivial: Mapping[str, float], *, warn: float
) -> Iterator[str]:
    """How the model compares with boosted trees and with a model that always answers the same.

    Args:
        model: metrics of the model by name.
        reference: those of boosted trees.
        trivial: those of a model that always answers the same.
        warn: the share by which the model's error may be larger than that of the trees.
    """
    for metric, others in (("accuracy", "the most frequent class"), ("root_mean_squared_error", "the mean")):
        if metric in model and metric in trivial and abs(model[metric] / (trivial[metric] or 1) - 1) < _SAME:
            yield f"its {metric} of {model[metric]:.4g} is that of answering {others} in every row"
    found = compare(model, reference)
    if found and found[3] > 1 + warn:
        metric, ours, theirs, _ = found
        yield f"boosted trees reach {metric} {theirs:.4g} on the same rows, it {ours:.4g}: look at network and training"
    elif found:
        metric, _, theirs, _ = found
        yield f"boosted trees reach {metric} {theirs:.4g} on the same rows, hardly more: look at data, label and limits"
