"""Checks of the loss and the metrics that a config names beside the defaults."""

from __future__ import annotations

from collections.abc import Mapping

from components.messages import did_you_mean
from pipeline.config.config import Config
from pipeline.config.gates.metrics import METRICS as TASK_METRICS
from pipeline.config.loading import ConfigError
from pipeline.config.model import check_options, functions_of
from pipeline.sources import module_file
from trainer.objectives.function import LOSSES, METRICS, Function
from trainer.parameters import OBJECTIVES, Task

# What the functions are for that have a name without a dot.
_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_NUMBERS: tuple[Task, ...] = ("regression",)
_TASKS: Mapping[str, Mapping[str, tuple[Task, ...]]] = {
    LOSSES: {"focal": _CLASSES, "mae": _NUMBERS, "huber": _NUMBERS, "quantile": _NUMBERS},
    METRICS: {"brier": _CLASSES, "pinball": _NUMBERS, "percentage_error": _NUMBERS},
}


def check_objectives(config: Config) -> None:
    """Check that loss and metrics exist, fit the label, and have the options they are given.

    Raises:
        ConfigError: with the key, and what is known instead.
    """
    trainer, task = config.trainer, config.label.task
    if trainer.loss:
        _check("trainer.loss", trainer.loss, package=LOSSES, task=task)
    for name, metric in trainer.metrics.items():
        key = f"trainer.metrics.{name}"
        if name in {*OBJECTIVES[task], *TASK_METRICS[task]}:
            raise ConfigError(f"{key}: a {task} label has a metric of this name already; choose another key.")
        _check(key, metric, package=METRICS, task=task)


def _check(key: str, given: Function, *, package: str, task: Task) -> None:
    tasks = _TASKS[package]
    if "." not in given.name:
        fitting = [name for name, those in tasks.items() if task in those]
        if given.name not in fitting:
            what = f"is for a {' or '.join(tasks[given.name])} label" if given.name in tasks else "is unknown"
            hint = did_you_mean(fitting, like=given.name)
            raise ConfigError(
                f"{key}.name: {given.name!r} {what}; {hint}for a {task} label there are {', '.join(fitting)}, and the "
                "dotted path of a function of your own."
            )
    module, _, name = given.path(package).rpartition(".")
    file = module_file(module)
    functions = functions_of(file) if file else {}
    if file is None or name not in functions:
        where = f"{file} defines no function {name!r}" if file else f"there is no module {module!r}"
        raise ConfigError(
            f"{key}.name: {where}; {did_you_mean(functions, like=name)}give the dotted path of a function."
        )
    if len(functions[name].args.args) != 2:
        raise ConfigError(
            f"{key}.name: {given.name} must take two positional arguments, label and prediction; options are "
            "keyword-only (after a *)."
        )
    check_options(key, given.name, given.options, file=file, function=functions[name])
