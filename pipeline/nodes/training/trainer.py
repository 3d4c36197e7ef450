"""The nodes that make a model of the transformed examples: the Trainer, and WarmStart and Tuner where configured."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfx.components.trainer.component import Trainer
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import trainer_pb2

from components.training_handover import TRAINING_JOB_KEY
from pipeline.config.config import Config
from pipeline.config.model import model_module
from pipeline.nodes.champion import WARM_START, champion_node
from pipeline.nodes.graph import Graph
from pipeline.nodes.training.custom_job import custom_job  # part: vertex
from pipeline.nodes.training.remote_training import RemoteTraining
from pipeline.nodes.training.tfjob import tfjob  # part: training_operator
from pipeline.nodes.training.tuner import add_tuner, searched_modules  # part: tuner
from pipeline.sources import source_digest
from trainer.features.columns import kind_modules
from trainer.objectives.function import LOSSES, METRICS
from trainer.parameters import (
    CHECKPOINTS_KEY,
    CHECKPOINTS_OF_KEY,
    CUSTOM_CONFIG_KEY,
    EXECUTION,
    KERAS_MODEL,
    Parameters,
)

# Where else than in its own task the Trainer can train.
_REMOTE: tuple[Callable[[Config], RemoteTraining | None], ...] = (
    custom_job,  # part: vertex
    tfjob,  # part: training_operator
)


def add_training(graph: Graph) -> None:
    """WarmStart and Tuner where configured, then Trainer."""
    config = graph.config
    inputs: dict[str, Any] = {
        "examples": graph.output("Transform.transformed_examples"),
        "transform_graph": graph.output("Transform.transform_graph"),
        "schema": graph.output("SchemaGen.schema"),
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["eval"]),
    }
    optional: dict[str, Any] = {}
    modules = {model_module(config.trainer.model.name), *kind_modules(config.features), *_objectives(config)}
    if config.trainer.loop.warm_start:
        champion = graph.add(champion_node(WARM_START, champion=graph.places.champion, file=KERAS_MODEL), uncached=True)
        optional["base_model"] = champion.outputs["model"]
    modules |= searched_modules(graph)  # part: tuner
    tuner_config = _custom_config(graph, config.trainer.tuner_fn, modules)  # part: tuner
    optional |= add_tuner(graph, inputs=inputs, custom_config=tuner_config)  # part: tuner
    graph.add(_trainer(graph, modules, **optional, **inputs))


def _objectives(config: Config) -> set[str]:
    """The functions of loss and metrics, to which no import leads."""
    loss, metrics = config.trainer.loss, config.trainer.metrics.values()
    return {*([loss.path(LOSSES)] if loss else []), *(metric.path(METRICS) for metric in metrics)}


def _trainer(graph: Graph, modules: set[str], **inputs: Any) -> Trainer:
    run_fn = graph.config.trainer.run_fn
    options = _custom_config(graph, run_fn, modules)
    remote = next(filter(None, (training(graph.config) for training in _REMOTE)), None)
    if remote is None:
        return Trainer(run_fn=run_fn, custom_config=options, **inputs)
    return Trainer(
        run_fn=run_fn,
        custom_config={**options, TRAINING_JOB_KEY: remote.options},
        custom_executor_spec=ExecutorClassSpec(remote.executor),
        **inputs,
    )


def custom_config(parameters: Parameters, *modules: str) -> dict[str, str]:
    """What TFX hands to the user module; the digest of its sources is there for the cache key alone."""
    return {CUSTOM_CONFIG_KEY: parameters.model_dump_json(), "source_digest": source_digest(*modules)}


def _custom_config(graph: Graph, function: str, models: set[str]) -> dict[str, str]:
    # Networks and kinds of features are found by their names, so no import leads to them.
    return {
        **custom_config(graph.config.parameters(), function, *sorted(models)),
        **_weights(graph.config),
        CHECKPOINTS_KEY: graph.places.checkpoints,
        # Here a run has its folder for itself. On a platform two may train on the same cached examples at once.
        **({CHECKPOINTS_OF_KEY: EXECUTION} if graph.config.platform else {}),
    }


def _weights(config: Config) -> dict[str, str]:
    """A digest of the file that a network starts from: other weights of that name are another training."""
    path = config.trainer.model.options.get("weights")
    if not isinstance(path, str) or not Path(path).is_file():
        return {}
    with Path(path).open("rb") as file:
        return {"weights_digest": hashlib.file_digest(file, "sha256").hexdigest()[:16]}
