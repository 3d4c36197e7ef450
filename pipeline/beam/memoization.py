"""Memoization for Beam, which computes the same two things again and again, for the time of a run.

- The signatures of DoFn methods: ``apache_beam.transforms.userstate.get_dofn_specs`` inspects every method of every
  DoFn several times per bundle.
- The views of pipeline options: ``PipelineOptions.view_as`` builds an argument parser at each of some 5,000 calls.

On small data both together take a third of StatisticsGen, Transform and Evaluator. Memoization changes no result: a
signature depends only on the code, and all views of the same options share one dict of values.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import core
from apache_beam.typehints.decorators import get_signature

from pipeline.patches import replaced

_REMEMBERED = 8192


@contextmanager
def lean_beam() -> Iterator[None]:
    """While open, Beam computes signatures and views of options once."""
    with (
        replaced(core, "get_signature", _remembering_signatures(get_signature), parameters=("func",)),
        replaced(PipelineOptions, "view_as", _remembering_views(PipelineOptions.view_as), parameters=("self", "cls")),
    ):
        yield


def _remembering_signatures(get_signature: Callable[[Any], inspect.Signature]) -> Callable[[Any], inspect.Signature]:
    @functools.lru_cache(maxsize=_REMEMBERED)
    def of_method(function: Callable[..., Any], owner: type) -> inspect.Signature:
        return get_signature(MethodType(function, owner))

    def remembered(function: Any) -> inspect.Signature:
        if isinstance(function, MethodType):
            # The signature of a bound method does not depend on what it is bound to.
            return of_method(function.__func__, type(function.__self__))
        return get_signature(function)

    return remembered


def _remembering_views(view_as: Callable[[Any, type], Any]) -> Callable[[Any, type], Any]:
    # The values are kept beside each view, so that no id in a key can come to mean another dict.
    views: dict[tuple[int, type], tuple[dict[str, Any], Any]] = {}

    def remembered(self: PipelineOptions, cls: type) -> Any:
        values = self._all_options
        key = (id(values), cls)
        if key not in views:
            views[key] = (values, view_as(self, cls))
        return views[key][1]

    return remembered
