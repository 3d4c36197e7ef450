"""From YAML files and ``--set`` words to a validated `Config`, with errors that name key and fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from components.messages import did_you_mean, one_line
from pipeline.config import yaml_files
from pipeline.config.beam.engines import DEFAULT_RUNNER, runner_with_key
from pipeline.config.config import Config

_Tree = dict[str, Any]

# The key that says of which kind a section is, and the kind without it.
_KINDS = {("beam",): ("runner", DEFAULT_RUNNER), ("data", "splits"): ("by", "row")}


class ConfigError(Exception):
    """The configuration or what it points to is wrong; one or two lines: where, what, what to do."""

    def __init__(self, message: str):
        super().__init__("\n".join(map(one_line, message.split("\n"))))


def load(*, config: Path, profile: str | None, overrides: Sequence[str] = ()) -> Config:
    """Read a config, lay its profile and then the overrides over it, and validate the whole.

    Args:
        config: the pipeline's YAML; profiles are looked up in ``profiles/`` beside it.
        profile: a profile's name; None for none.
        overrides: ``a.b=value`` words; the value is YAML.

    Raises:
        ConfigError: with the file and the path of the key.
    """
    tree = _read(config)
    source = str(config)
    if profile is not None:
        tree = _merge(tree, _read(_profile_file(config, profile)))
        source += f" with profile {profile}"
    # The kinds first: they may replace the section that the other words add to.
    kinds = tuple(f"{'.'.join(path)}.{chooser}=" for path, (chooser, _) in _KINDS.items())
    for word in sorted(overrides, key=lambda word: not word.startswith(kinds)):
        tree = _merge(tree, _parse_override(word))
    if overrides:
        source += " and --set"
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        lines = [f"{source}: {text}" for text in _explain(error, tree)]
        raise ConfigError("\n".join(lines[:3])) from None


def _profile_file(config: Path, profile: str) -> Path:
    folder = config.parent / "profiles"
    path = folder / f"{profile}.yaml"
    if not path.exists():
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        near = did_you_mean(known, like=profile)
        there = f"there are {', '.join(known)}" if known else "a config lies beside its profiles, as in configs/"
        raise ConfigError(f"--profile {profile}: no such profile in {folder}; {near}{there}.")
    return path


def _read(path: Path) -> _Tree:
    try:
        tree = yaml_files.parsed(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: is not valid YAML ({getattr(error, 'problem', error)}).") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: must hold keys and values, not {type(tree).__name__}.")
    return tree


def assignments(words: Sequence[str], *, flag: str) -> dict[str, str]:
    """``NAME=VALUE`` words as a dict; the values are texts as they were written, ``007`` for one.

    Raises:
        ConfigError: a word has another form; the message starts with ``flag``.
    """
    return dict(_assignment(word, flag=flag, example="data_path=gs://my-bucket/data") for word in words)


def _assignment(word: str, *, flag: str, example: str) -> tuple[str, str]:
    key, separator, text = word.partition("=")
    if not separator or not all(key.split(".")):
        raise ConfigError(f"{flag} {word}: must be key=value, for example {flag} {example}.")
    return key, text


def _parse_override(word: str) -> _Tree:
    key, text = _assignment(word, flag="--set", example="trainer.loop.epochs=5")
    try:
        value = yaml_files.parsed(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {word}: the value is not valid YAML.") from None
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _merge(base: _Tree, over: _Tree, path: tuple[str, ...] = ()) -> _Tree:
    """Lay ``over`` over ``base``: mappings are merged, other values replaced, and null takes a key away.

    A section of another kind takes the whole section's place: its keys are others.
    """
    merged = dict(base)
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
            continue
        below, here = base.get(key), (*path, key)
        if isinstance(below, dict) and isinstance(value, dict) and _same_kind(here, below, value):
            merged[key] = _merge(below, value, here)
        else:
            merged[key] = value
    return merged


def _same_kind(path: tuple[str, ...], below: _Tree, above: _Tree) -> bool:
    chooser, default = _KINDS.get(path, ("", None))
    former = below.get(chooser, default)
    return above.get(chooser, former) == former


def _explain(error: ValidationError, tree: _Tree) -> Iterator[str]:
    for item in error.errors():
        absent = item["type"] == "missing"
        path = ".".join(map(str, _keys(item["loc"], tree, absent=absent)))
        if item["type"] == "extra_forbidden":
            yield f"{path}: {_unknown(item['loc'])}."
        elif absent:
            yield f"{path}: is required and missing."
        else:
            message = item["msg"].removeprefix("Value error, ")
            got = "" if item["type"] == "value_error" else f", got {item['input']!r}"
            yield f"{path + ': ' if path else ''}{message}{got}{_meant(item)}"


def _meant(item: ErrorDetails) -> str:
    """What ends the message: the nearest of the values that the key may have, where it may have some only."""
    context = item.get("ctx", {})
    expected = context.get("expected_tags", context.get("expected", ""))
    given = context.get("tag", item["input"])
    chooses = item["type"] in ("literal_error", "union_tag_invalid") and isinstance(given, str)
    near = did_you_mean(re.findall(r"'([^']*)'", expected), like=given) if chooses else ""
    return f"; {near.rstrip()}" if near else "."


def _keys(location: tuple[int | str, ...], tree: Any, *, absent: bool) -> Iterator[int | str]:
    """The parts of a location that are keys of the file: pydantic's also has the tags of unions.

    Args:
        location: pydantic's.
        tree: the file.
        absent: whether the last part is a key that is missing.
    """
    node: Any = tree
    for place, part in enumerate(location, start=1):
        inside = isinstance(node, list) or (isinstance(node, dict) and part in node)
        if inside or (absent and place == len(location)):
            yield part
        if inside:
            node = cast("Any", node)[part]


def _unknown(location: tuple[int | str, ...]) -> str:
    """``unknown key; did you mean X?`` with the closest key that the model at ``location`` knows."""
    models: list[type[BaseModel]] = [Config]
    for part in location[:-1]:
        if not isinstance(part, int):
            models = _models_at(models, part)
    known = {field.alias or name: field for model in models for name, field in model.model_fields.items()}
    key = str(location[-1])
    runner = runner_with_key(key, other_than=str(location[-2])) if location[0] == "beam" and len(location) > 1 else None
    if runner:
        return f"is a key of {runner}; this runner has {', '.join(sorted(known))}"
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"unknown key; {hint}" if known else "unknown key"


def _models_at(models: Iterable[type[BaseModel]], key: str) -> list[type[BaseModel]]:
    """The model classes that the field ``key`` may hold; where ``key`` is a union's tag, the class it stands for."""
    fields = [f for model in models for name, f in model.model_fields.items() if (f.alias or name) == key]
    if fields:
        return [found for field in fields for found in _classes(field.annotation)]
    return [model for model in models if key == model.__name__ or key in _literals(model)] or list(models)


def _classes(hint: Any) -> Iterator[type[BaseModel]]:
    """The model classes in a type hint, inside unions, tuples and mappings."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    else:
        for part in get_args(hint):
            yield from _classes(part)


def _literals(model: type[BaseModel]) -> set[Any]:
    """The values that tell the members of a union apart."""
    hints = [field.annotation for field in model.model_fields.values()]
    return {value for hint in hints if get_origin(hint) is Literal for value in get_args(hint)}
