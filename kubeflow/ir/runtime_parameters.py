"""The values of a run's parameters, checked against the compiled pipeline before anything is sent."""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kubeflow.ir.pipeline_spec import CompiledPipeline, Tree
from pipeline.config.loading import ConfigError


def resolve(spec: Tree, given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` with every value in the parameter's type; the platform fills in the defaults.

    Args:
        spec: PipelineSpec.
        given: values by name, as text or already typed.

    Raises:
        ConfigError: a name is unknown, a value is of the wrong type, or a required one is missing.
    """
    known = _known(spec)
    _check_names(given, known)
    missing = [name for name, definition in known.items() if name not in given and not _optional(definition)]
    if missing:
        raise ConfigError(f"--parameter {missing[0]}=...: is required (required parameters: {', '.join(missing)}).")
    return {name: _convert(name, value, _type(known[name])) for name, value in given.items()}


def filled(compiled: CompiledPipeline, given: Mapping[str, Any]) -> CompiledPipeline:
    """A copy of ``compiled`` with the values in place of the defaults.

    Raises:
        ConfigError: a name is unknown, or a value is of the wrong type.
    """
    spec = copy.deepcopy(compiled.spec)
    known = _known(spec)
    _check_names(given, known)
    for name, value in given.items():
        known[name]["defaultValue"] = _convert(name, value, _type(known[name]))
    return replace(compiled, spec=spec)


def _known(spec: Tree) -> dict[str, Tree]:
    return spec["root"].get("inputDefinitions", {}).get("parameters", {})


def _check_names(given: Mapping[str, Any], known: Mapping[str, Tree]) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(f"--parameter {name}: the pipeline has no such parameter{_nearest(name, known)}")


def _nearest(name: str, known: Mapping[str, Tree]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]}?"
    return (
        f"; it has {', '.join(sorted(known))}." if known else "; it has none: see platform.parameters in the profile."
    )


def _optional(definition: Tree) -> bool:
    return bool(definition.get("isOptional")) or "defaultValue" in definition


def _type(definition: Tree) -> str:
    # Schema 2.0 uses the second key, with shorter names.
    return definition.get("parameterType") or definition.get("type", "STRING")


def _integer(value: Any) -> int:
    if isinstance(value, str):
        return int(value)
    if isinstance(value, bool) or int(value) != value:
        raise ValueError
    return int(value)


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or number != number or number in (float("inf"), float("-inf")):
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}[value.lower()]


def _json(kind: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        value = json.loads(value) if isinstance(value, str) else value
        if not isinstance(value, kind):
            raise ValueError
        return value

    return convert


_TYPES: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "STRING": ("a text", str),
    "NUMBER_INTEGER": ("a whole number", _integer),
    "INT": ("a whole number", _integer),
    "NUMBER_DOUBLE": ("a number", _number),
    "DOUBLE": ("a number", _number),
    "BOOLEAN": ("true or false", _boolean),
    "LIST": ("a JSON list", _json(list)),
    "STRUCT": ("a JSON object", _json(dict)),
}


def _convert(name: str, value: Any, kind: str) -> Any:
    wanted, convert = _TYPES.get(kind, _TYPES["STRING"])
    try:
        return convert(value)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ConfigError(f"--parameter {name}={value}: must be {wanted} ({kind}).") from None
