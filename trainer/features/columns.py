"""The features as the config names them: a kind, or several, for each column. No TensorFlow here."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from pydantic import ConfigDict, RootModel, SerializeAsAny, ValidationError, field_validator

from trainer.features import kinds
from trainer.features.kind import Column, Kind

_KINDS = tuple(sorted(module.name for module in pkgutil.iter_modules(kinds.__path__)))
# The kinds of a column by its type, where the config names no features.
_INFERRED = {
    "float32": ("number",),
    "int64": ("number", {"kind": "number", "buckets": 10}),
    "string": ("category",),
}


class Features(RootModel[Mapping[str, tuple[SerializeAsAny[Kind], ...]]]):
    """Which raw columns the model sees, and how each is turned into numbers.

    In the config, ``COLUMN: KIND``, ``COLUMN: {kind: KIND, OPTION: VALUE}`` or a list of these.
    """

    model_config = ConfigDict(frozen=True)

    @field_validator("root", mode="before")
    @classmethod
    def _kinds(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            raise ValueError("give one line per column, such as `fare: number`")
        found = {
            str(name): tuple(_options(str(name), each) for each in _listed(entry)) for name, entry in given.items()
        }
        for name, several in found.items():
            if any(options in several[:place] for place, options in enumerate(several)):
                raise ValueError(f"{name}: the same kind with the same options stands twice; drop one")
        return found

    def columns(self) -> tuple[Column[Any], ...]:
        """All features in the order of the config."""
        return tuple(Column(name, options) for name, several in self.root.items() for options in several)

    def by_kind(self) -> Iterator[tuple[ModuleType, tuple[Column[Any], ...]]]:
        """The module of each kind with its features."""
        columns = self.columns()
        for kind in dict.fromkeys(column.options.kind for column in columns):
            yield module_of(kind), tuple(column for column in columns if column.options.kind == kind)

    def names(self) -> tuple[str, ...]:
        """Every raw column that the model reads, each once, sorted."""
        return tuple(sorted({source for column in self.columns() for source in column.sources}))

    def read_as(self, kind: str) -> frozenset[str]:
        """The raw columns that are read as a kind, by themselves or in a cross."""
        return frozenset(
            source for column in self.columns() for source, options in column.readings if options.kind == kind
        )

    def scalars(self) -> tuple[str, ...]:
        """The raw columns that hold at most one value a row, sorted."""
        multivalent = {source for column in self.columns() if column.options.multivalent for source in column.sources}
        return tuple(name for name in self.names() if name not in multivalent)

    @classmethod
    def infer(cls, dtypes: Mapping[str, str]) -> Features:
        """Choose kinds by type, for configs that name no features.

        Args:
            dtypes: ``"float32"``, ``"int64"`` or ``"string"`` by raw column, without those of the label.

        Returns:
            Floats as numbers, integers as numbers and as ten buckets, text as categories.
        """
        return cls.model_validate({name: list(_INFERRED[dtypes[name]]) for name in sorted(dtypes)})


def kind_modules(features: Features | None) -> tuple[str, ...]:
    """The dotted paths of the modules of the kinds that are used; of all kinds where the data decides."""
    used = _KINDS if features is None else sorted({column.options.kind for column in features.columns()})
    return tuple(f"{kinds.__name__}.{kind}" for kind in used)


def module_of(kind: str) -> ModuleType:
    """The module of a kind."""
    return importlib.import_module(f"{kinds.__name__}.{kind}")


def _listed(entry: Any) -> list[Any]:
    entries = list(entry) if isinstance(entry, list | tuple) else [entry]
    if not entries:
        raise ValueError("a column needs a kind, such as `number`")
    return entries


def _options(name: str, entry: Any) -> Kind:
    """The validated options of one kind of a column."""
    if isinstance(entry, Kind):
        return entry
    given = {"kind": entry} if isinstance(entry, str) else entry
    if not isinstance(given, Mapping) or not isinstance(given.get("kind"), str):
        raise ValueError(
            f"{name}: give a kind, such as `number`, or its options, such as {{kind: number, buckets: 10}}"
        )
    kind = given["kind"]
    if kind not in _KINDS:
        near = difflib.get_close_matches(kind, _KINDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ValueError(f"{name}: there is no kind {kind!r}{hint} The kinds are {', '.join(_KINDS)}")
    try:
        return module_of(kind).Options.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([name, *map(str, first["loc"])])
        if first["type"] != "extra_forbidden":
            raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
        near = difflib.get_close_matches(str(first["loc"][-1]), module_of(kind).Options.model_fields, n=1)
        raise ValueError(f"{where}: unknown key{f'; did you mean {near[0]}?' if near else '.'}") from None
