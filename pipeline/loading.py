"""From YAML files and ``--set`` words to a validated `Config`, with errors that name key and fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.config import Config

Tree = dict[str, Any]


class ConfigError(Exception):
    """The configuration or what it points to is wrong; one or two lines: where, what, what to do."""


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
    for word in overrides:
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
        raise ConfigError(f"--profile {profile}: no such profile in {folder}; there are {', '.join(known) or 'none'}.")
    return path


def _read(path: Path) -> Tree:
    try:
        tree = yaml.safe_load(path.read_text())
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
        ConfigError: a word is none; the message begins with ``flag``.
    """
    return dict(_assignment(word, flag=flag, example="data_path=gs://my-bucket/data") for word in words)


def _assignment(word: str, *, flag: str, example: str) -> tuple[str, str]:
    key, separator, text = word.partition("=")
    if not separator or not all(key.split(".")):
        raise ConfigError(f"{flag} {word}: must be key=value, for example {flag} {example}.")
    return key, text


def _parse_override(word: str) -> Tree:
    key, text = _assignment(word, flag="--set", example="trainer.loop.epochs=5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {word}: the value is not valid YAML.") from None
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _merge(base: Tree, over: Tree) -> Tree:
    """Lay ``over`` over ``base``: mappings are merged, other values replaced, and null takes a key away."""
    merged = dict(base)
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
            continue
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _explain(error: ValidationError, tree: Tree) -> Iterator[str]:
    for item in error.errors():
        path = ".".join(map(str, _keys(item["loc"], tree)))
        if item["type"] == "extra_forbidden":
            yield f"{path}: unknown key{_nearest(item['loc'])}."
        elif item["type"] == "missing":
            yield f"{path}: is required and missing."
        else:
            message = item["msg"].removeprefix("Value error, ")
            got = "" if item["type"] == "value_error" else f", got {item['input']!r}"
            yield f"{path + ': ' if path else ''}{message}{got}."


def _keys(location: tuple[int | str, ...], tree: Any) -> Iterator[int | str]:
    """A location without what is no key of the file: pydantic names the kind of a union's member, too."""
    for part in location:
        inside = isinstance(tree, list) or (isinstance(tree, dict) and part in tree)
        if inside or part == location[-1]:
            yield part
        if inside:
            tree = tree[part]


def _nearest(location: tuple[int | str, ...]) -> str:
    """``; did you mean X?`` with the closest key that the model at ``location`` knows."""
    model: Any = Config
    for part in location[:-1]:
        if not isinstance(part, int):
            model = _model_at(model, str(part))
    if model is None:
        return ""
    known = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}"


def _model_at(model: type[BaseModel] | None, key: str) -> type[BaseModel] | None:
    """The model class that the field ``key`` holds, looked for inside unions, tuples and mappings."""
    if model is None:
        return None
    field = next((f for name, f in model.model_fields.items() if (f.alias or name) == key), None)
    if field is None:
        return model if issubclass(model, BaseModel) else None
    pending = [field.annotation]
    while pending:
        hint = pending.pop()
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return hint
        pending.extend(get_args(hint))
    return None
