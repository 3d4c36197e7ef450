"""Fewer and smaller traces of the preprocessing_fn, whose cost grows with the columns.

At 1,000 columns they are most of Transform's time. What TFX and TFT do, and what is done here:

- They trace the function nine times, three of them only to list the columns that it reads, and one to count what a
  cache of analyses would hold, which is switched off. Here the list comes from one trace, and nothing is counted.
- Two traces run on made-up inputs, each column's of 27 operations. Here columns of a type share them.
- Each trace copies all three tensors of a sparse column, so that the function may change its inputs. Here it copies
  only the values.
- What was traced is called as part of another function, which is traced, too. Here it is called as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.impl_helper as impl_helper
import tensorflow_transform.tf2_utils as tf2_utils
import tensorflow_transform.tf_utils as tf_utils
from tensorflow_transform.beam import analysis_graph_builder
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from pipeline.patches import replaced

_COLUMNS_OF = ("preprocessing_fn", "specs", "force_tf_compat_v1")
_TRACE = ("preprocessing_fn", "input_specs", "use_tf_compat_v1", "base_temp_dir")
_CACHE_KEYS = ("preprocessing_fn", "specs", "dataset_keys", "force_tf_compat_v1")
_INPUTS = ("structured_inputs", "batch_size", "missing_keys")
_FINALIZE = ("self", "unfed_input_keys", "fetches_keys")


@contextmanager
def lean_tracing() -> Iterator[None]:
    """While open, TFX's Transform traces the preprocessing_fn six times instead of nine, on cheaper inputs."""
    columns = _Columns()
    with (
        replaced(tft, "get_analyze_input_columns", columns.analyzed, parameters=_COLUMNS_OF),
        replaced(tft, "get_transform_input_columns", columns.transformed, parameters=_COLUMNS_OF),
        # Only a cache of analyses needs them; `pipeline.nodes.data` switches it off.
        replaced(
            analysis_graph_builder, "get_analysis_cache_entry_keys", lambda *_: set[str](), parameters=_CACHE_KEYS
        ),
        replaced(tf2_utils, "supply_missing_inputs", _sharing(tf2_utils.supply_missing_inputs), parameters=_INPUTS),
        replaced(tf_utils, "copy_tensors", _copies, parameters=("tensors",)),
        replaced(
            SavedModelLoader,
            "_finalize_wrapped_function",
            _as_it_is(SavedModelLoader._finalize_wrapped_function),
            parameters=_FINALIZE,
        ),
    ):
        yield


class _Columns:
    """Which columns a preprocessing_fn reads, as TFT finds them, of the last one that was asked about."""

    def __init__(self) -> None:
        self._analyzed, self._transformed = tft.get_analyze_input_columns, tft.get_transform_input_columns
        self._asked: tuple[Any, ...] = ()
        self._found: tuple[list[str], list[str]] = ([], [])

    def analyzed(self, preprocessing_fn: Any, specs: Mapping[str, Any], force_tf_compat_v1: bool = False) -> list[str]:
        """Those that its analyzers read."""
        return list(self._of(preprocessing_fn, specs, force_tf_compat_v1)[0])

    def transformed(
        self, preprocessing_fn: Any, specs: Mapping[str, Any], force_tf_compat_v1: bool = False
    ) -> list[str]:
        """Those that its results depend on."""
        return list(self._of(preprocessing_fn, specs, force_tf_compat_v1)[1])

    def _of(self, *asked: Any) -> tuple[list[str], list[str]]:
        if asked != self._asked:
            once = _remembering(impl_helper.trace_preprocessing_function)
            with replaced(impl_helper, "trace_preprocessing_function", once, parameters=_TRACE):
                self._found = self._analyzed(*asked), self._transformed(*asked)
            self._asked = asked
        return self._found


def _remembering(trace: Callable[..., Any]) -> Callable[..., Any]:
    """The first trace again and again; both that ask for it only look at it."""
    found: list[Any] = []

    def remembered(*arguments: Any, **options: Any) -> Any:
        if not found:
            found.append(trace(*arguments, **options))
        return found[0]

    return remembered


def _sharing(supply_missing_inputs: Callable[..., Any]) -> Callable[..., Any]:
    """Made-up inputs, of which TFT builds one for each type of tensor."""

    def supply(
        structured_inputs: Mapping[str, Any], batch_size: Any, missing_keys: Collection[str] | None = None
    ) -> dict[str, Any]:
        first: dict[Any, Any] = {}
        found = {}
        for name in missing_keys or structured_inputs:
            kind = tf.type_spec_from_value(structured_inputs[name])
            if kind not in first:
                first |= {kind: supply_missing_inputs(structured_inputs, batch_size, [name])[name]}
            found[name] = _copied(first[kind])
        return found

    return supply


def _copies(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copied(tensor) for name, tensor in tensors.items()}


def _copied(tensor: Any) -> Any:
    """The same values under a name of their own, by which TFT tells the tensors of a graph apart."""
    if tf.executing_eagerly():
        return tensor
    if isinstance(tensor, tf.SparseTensor):
        values = tf.identity(tensor.values, name=f"{tensor.values.op.name}_copy")
        return tf.SparseTensor(tensor.indices, values, tensor.dense_shape)
    return tf.identity(tensor)


def _as_it_is(finalize: Callable[..., Any]) -> Callable[..., Any]:
    """How the worker calls a transform graph, with made-up values for columns that it does not get."""

    def finalized(self: SavedModelLoader, unfed_input_keys: Collection[str], fetches_keys: Collection[str]) -> Any:
        if set(fetches_keys) != set(self.structured_outputs):
            return finalize(self, unfed_input_keys, fetches_keys)
        missing = self._get_missing_inputs(unfed_input_keys, batch_size=1)

        def call(inputs: Mapping[str, Any]) -> dict[str, Any]:
            # Not one by one: TensorFlow would refuse them in a long message with all values, and only then accept them.
            return dict(self._wrapped_function({**inputs, **missing}))

        return call

    return finalized
