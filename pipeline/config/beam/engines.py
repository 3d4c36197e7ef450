"""The engines that a config may name under ``beam.runner``: each is one module beside this one, and one line here."""

from __future__ import annotations

import difflib
import functools
import importlib
import operator
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import Discriminator, Tag

from pipeline.config.beam.engine import Engine
from pipeline.config.beam.refused import REFUSED, plain_name, refusal

# Modules with one subclass of `Engine` each that has a field ``runner``.
_MODULES = (
    "in_process",
    "flink",  # part: flink_engine
    "spark",  # part: spark_engine
    "portable",
    "dataflow",  # part: dataflow
)
DEFAULT_RUNNER = "FnApiRunner"


def _engine(name: str) -> type[Engine]:
    module = importlib.import_module(f"pipeline.config.beam.{name}")
    [engine] = (
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Engine) and "runner" in found.model_fields
    )
    return engine


ENGINES = tuple(map(_engine, _MODULES))


def runner_of(engine: type[Engine]) -> str:
    """The name of an engine in a config."""
    return get_args(engine.model_fields["runner"].annotation)[0]


_BY_RUNNER = {runner_of(engine): engine for engine in ENGINES}


def _tag(given: Any) -> str | None:
    runner = given.get("runner", DEFAULT_RUNNER) if isinstance(given, dict) else getattr(given, "runner", None)
    engine = _BY_RUNNER.get(runner) if isinstance(runner, str) else None
    return engine.__name__ if engine else None


if TYPE_CHECKING:
    Beam = Engine
else:
    # Each tag is the name of its class: `pipeline.config.loading` finds the keys of the chosen one by it.
    _TAGGED = [Annotated[engine, Tag(engine.__name__)] for engine in ENGINES]
    Beam = Annotated[functools.reduce(operator.or_, _TAGGED), Discriminator(_tag)]


def runner_problem(given: Any) -> str | None:
    """Why a config's ``beam`` section names no engine, as ``key: reason``; None where it names one.

    Args:
        given: the section as it was read.
    """
    if not isinstance(given, dict):
        return None if _tag(given) else f"beam: must hold keys, such as {{runner: {DEFAULT_RUNNER}}}, not {given!r}"
    runner = given.get("runner", DEFAULT_RUNNER)
    if isinstance(runner, str) and runner in _BY_RUNNER:
        return None
    known = f"choose one of {', '.join(_BY_RUNNER)}"
    reason = refusal(str(runner), REFUSED)
    if reason:
        return f"beam.runner: {runner} is refused: {reason}; {known}"
    meant = next((name for name in _BY_RUNNER if plain_name(name) == plain_name(str(runner))), None)
    if meant:
        return f"beam.runner: {runner!r} is spelled {meant} here"
    plain = {plain_name(name).removesuffix("runner"): name for name in _BY_RUNNER}
    near = difflib.get_close_matches(plain_name(str(runner)).removesuffix("runner"), plain, n=1)
    hint = f"did you mean {plain[near[0]]}? " if near else ""
    return f"beam.runner: {runner!r} is not supported; {hint}{known}"


def runner_with_key(key: str, *, other_than: str) -> str | None:
    """The first runner that has the option ``key``, though the chosen one has not; None where no runner has it.

    Args:
        key: an option's name.
        other_than: the class name of the chosen engine.
    """
    others = {runner: engine for runner, engine in _BY_RUNNER.items() if engine.__name__ != other_than}
    return next((runner for runner, engine in others.items() if key in engine.model_fields), None)
