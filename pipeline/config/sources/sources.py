"""What the section ``data`` may be, told apart by ``data.format``: each line of `SOURCES` adds one."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import Discriminator, Tag

from pipeline.config.data import Data, Examples
from pipeline.config.sources.sql import Sql  # part: sql

SOURCES: tuple[type[Examples], ...] = (
    Data,
    Sql,  # part: sql
)


def _tag(given: Any) -> str:
    form = given.get("format") if isinstance(given, dict) else getattr(given, "format", None)
    named = (source for source in SOURCES if form in get_args(source.model_fields["format"].annotation))
    return next(named, Data).__name__


if TYPE_CHECKING:
    # Files but where a module of another source says otherwise.
    Source = Data
else:
    # Each tag is the name of its class: `pipeline.config.loading` finds the keys of the chosen one by it.
    _TAGGED = [Annotated[source, Tag(source.__name__)] for source in SOURCES]
    Source = Annotated[functools.reduce(operator.or_, _TAGGED), Discriminator(_tag)] if len(_TAGGED) > 1 else Data
