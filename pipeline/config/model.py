"""Check ``trainer.model`` against the network's own ``build``, read from its source: importing it takes TensorFlow."""

from __future__ import annotations

import ast
import builtins
import difflib
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from pipeline.config.loading import ConfigError
from pipeline.sources import module_file
from trainer.parameters import Model

PACKAGE = "trainer.models"
# What `trainer.models.build` passes itself; the other keyword-only arguments of a network are its options.
_PASSED = frozenset({"features", "units"})
# The names that an option's annotation may use.
_NAMESPACE: Mapping[str, Any] = {**vars(builtins), **vars(typing), **vars(pydantic)}


def model_module(name: str) -> str:
    """The dotted module of a network."""
    return f"{PACKAGE}.{name}"


def check_model(model: Model) -> None:
    """Check the network's name, and its options' names and values.

    Raises:
        ConfigError: with the key, and what is known instead.
    """
    files = _models()
    if model.name not in files:
        raise ConfigError(f"trainer.model.name: there is no model {model.name!r}{_nearest(model.name, list(files))}.")
    file, build = files[model.name]
    check_options("trainer.model", model.name, model.options, file=file, function=build)


def check_options(key: str, name: str, options: Mapping[str, Any], *, file: Path, function: ast.FunctionDef) -> None:
    """Check options against the keyword-only arguments of a function, read from its source.

    Args:
        key: of the section in the config.
        name: what has the options.
        options: by name.
        file: the source.
        function: the function in it.

    Raises:
        ConfigError: with the key, and what is known instead.
    """
    arguments = {
        argument.arg: (argument, default)
        for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if argument.arg not in _PASSED
    }
    unknown = [option for option in options if option not in arguments]
    if unknown:
        hint = _nearest(unknown[0], sorted(arguments))
        raise ConfigError(f"{key}.{unknown[0]}: {name} has no such option{hint}.")
    try:
        _options_class(key, file, arguments).model_validate(options)
    except ValidationError as error:
        item = error.errors()[0]
        where = ".".join(map(str, (key, *item["loc"])))
        if item["type"] == "missing":
            raise ConfigError(f"{where}: {name} needs this option, and it is missing.") from None
        raise ConfigError(f"{where}: {item['msg'].removeprefix('Value error, ')}, got {item['input']!r}.") from None


def known_models() -> list[str]:
    """The names of the networks: the modules of the package that define ``build``."""
    return list(_models())


def _models() -> dict[str, tuple[Path, ast.FunctionDef]]:
    package = module_file(PACKAGE)
    files = sorted(package.parent.glob("*.py")) if package else []
    found = {file.stem: (file, _build_function(file)) for file in files if file != package}
    return {name: (file, build) for name, (file, build) in found.items() if build is not None}


def _build_function(file: Path) -> ast.FunctionDef | None:
    return functions_of(file).get("build")


def functions_of(file: Path) -> dict[str, ast.FunctionDef]:
    """The functions that a module defines, by name."""
    return {node.name: node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}


def _options_class(key: str, file: Path, arguments: Mapping[str, tuple[ast.arg, ast.expr | None]]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name, (argument, default) in arguments.items():
        source = ast.unparse(argument.annotation) if argument.annotation else "Any"
        try:
            # The project's own source, which the Trainer will run anyway.
            annotation = eval(source, dict(_NAMESPACE))
        except Exception as error:  # noqa: BLE001 (whatever is wrong with it, the file has to change)
            raise ConfigError(
                f"{key}: the annotation of {name!r} in {file} cannot be read ({error}); "
                "use what builtins, typing and pydantic offer."
            ) from None
        # A default is the network's own business; it only matters that there is one.
        fields[name] = (annotation, ... if default is None else None)
    return create_model("Options", __config__=ConfigDict(protected_namespaces=()), **fields)


def _nearest(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    text = f"; known here: {', '.join(known) or 'none'}"
    return f"; did you mean {close[0]}?{text.removeprefix(';')}" if close else text
