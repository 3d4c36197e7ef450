"""The nodes that make a model of the transformed examples: the Trainer, and WarmStart and Tuner where configured."""

from __future__ import annotations

from typing import Any

from tfx.components.trainer.component import Trainer
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import trainer_pb2
from tfx.types.channel import Channel

from components.training_handover import TRAINING_JOB_KEY
from pipeline.config.config import Config
from pipeline.config.model import model_module
from pipeline.nodes.champion import WARM_START, champion_node
from pipeline.nodes.places import places
from pipeline.nodes.remote_training import job_of
from pipeline.sources import source_digest
from trainer.parameters import CHECKPOINTS_KEY, CHECKPOINTS_OF_KEY, CUSTOM_CONFIG_KEY, EXECUTION, Parameters
from trainer.tuning.search import SEARCH_KEY


def training_nodes(config: Config, *, schema: Channel, transform: BaseComponent) -> list[BaseNode]:
    """The nodes in order; the Trainer is the last."""
    inputs = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "schema": schema,
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["eval"]),
    }
    nodes: list[BaseNode] = []
    optional = {}
    if config.trainer.loop.warm_start:
        nodes.append(champion_node(WARM_START, champion=places(config).champion))
        optional["base_model"] = nodes[-1].outputs["model"]
    if config.trainer.tuner:
        search = {SEARCH_KEY: config.trainer.tuner.model_dump_json()}
        nodes.append(
            Tuner(
                tuner_fn=config.trainer.tuner_fn,
                custom_config={**_custom_config(config, config.trainer.tuner_fn), **search},
                **inputs,
            )
        )
        optional["hyperparameters"] = nodes[-1].outputs["best_hyperparameters"]
    return [*nodes, _trainer(config, **optional, **inputs)]


def _trainer(config: Config, **inputs: Any) -> Trainer:
    run_fn = config.trainer.run_fn
    options = _custom_config(config, run_fn)
    elsewhere = job_of(config)
    if elsewhere is None:
        return Trainer(run_fn=run_fn, custom_config=options, **inputs)
    return Trainer(
        run_fn=run_fn,
        custom_config={**options, TRAINING_JOB_KEY: elsewhere.options},
        custom_executor_spec=ExecutorClassSpec(elsewhere.executor),
        **inputs,
    )


def custom_config(parameters: Parameters, *modules: str) -> dict[str, str]:
    """What TFX hands to the user module; the digest of its sources is there for the cache key alone."""
    return {CUSTOM_CONFIG_KEY: parameters.model_dump_json(), "source_digest": source_digest(*modules)}


def _custom_config(config: Config, function: str) -> dict[str, str]:
    # trainer.models finds a network by its name, so no import leads to it.
    searched = config.trainer.tuner.space.get("model.name") if config.trainer.tuner else None
    names = {config.trainer.model.name, *(searched.points() if searched else ())}
    modules = [model_module(name) for name in sorted(names)]
    return {
        **custom_config(config.parameters(), function, *modules),
        CHECKPOINTS_KEY: places(config).checkpoints,
        # Here a run has its folder for itself. On a platform two may train on the same cached examples at once.
        **({CHECKPOINTS_OF_KEY: EXECUTION} if config.platform else {}),
    }
