"""Transform's graph as part of a signature: imported inline, fed with a request, and pruned to what is asked for.

As a function call the graph costs every request a conversion of each column to a sparse tensor and back, and the nodes
of all outputs. Here the matrices of `trainer.features.raw.RawColumns` are fed directly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2

from trainer.features.columns import Features
from trainer.features.raw import MATRIX, Raw, matrix_columns, stack, without_missing


class TransformGraph:
    """Transform's graph.

    Args:
        output: the Transform component's output.
        features: the configured features.
    """

    def __init__(self, output: tft.TFTransformOutput, features: Features):
        loader = saved_transform_io_v2.SavedModelLoader(output.transform_savedmodel_dir)
        # What an export must track: the lookup tables.
        self.resources = loader._imported  # noqa: SLF001 (no public name)
        function = self.resources.transform_fn
        self._definition = function.graph.as_graph_def()
        self._nodes = {node.name: node for node in self._definition.node}
        self._raw_spec = output.raw_feature_spec()
        self._scalars = features.scalars()
        self._constants = {inner.name: outer for outer, inner in function.graph.captures}
        self._outputs = dict(zip(sorted(function.structured_outputs), function.outputs, strict=True))
        self._inputs = dict(self._placeholders(iter(function.graph.inputs)))

    def scalars(self, outputs: Collection[str]) -> tuple[str, ...]:
        """The columns of one value a row that ``outputs`` read through a matrix only, so that they may be missing."""
        direct = self._read_directly(outputs)
        return tuple(name for name in self._scalars if name not in direct)

    def read(self, outputs: Collection[str], *, among: Collection[str] = ()) -> set[str]:
        """The columns that ``outputs`` are computed from, and those of ``among``."""
        nodes = self._reached([self._outputs[name] for name in outputs], stops=())
        return {name for name, inputs in self._inputs.items() if nodes & {each.op.name for each in inputs}} | set(among)

    def apply(self, raw: Mapping[str, Raw], outputs: Collection[str]) -> dict[str, tf.Tensor]:
        """The transformed features of raw columns.

        Args:
            raw: columns by name; in dense ones `MISSING` stands for a missing value.
            outputs: names of the transformed features.
        """
        feeds = self._matrices(raw)
        wanted = sorted(outputs)
        nodes = self._reached([self._outputs[name] for name in wanted], stops={name.split(":")[0] for name in feeds})
        for name, placeholders in self._inputs.items():
            if nodes & {each.op.name for each in placeholders}:
                feeds.update(zip((each.name for each in placeholders), self._parts(name, raw[name]), strict=True))
        graph = tf.compat.v1.get_default_graph()
        for inner, outer in self._constants.items():
            if inner.split(":")[0] in nodes:
                constant = outer.dtype not in (tf.resource, tf.variant)
                feeds[inner] = tf.constant(outer.numpy()) if constant else graph.capture(outer)
        fed = {name.split(":")[0] for name in feeds}
        pruned = tf.compat.v1.GraphDef(versions=self._definition.versions, library=self._definition.library)
        pruned.node.extend(node for node in self._definition.node if node.name in nodes - fed)
        names = [self._outputs[name].name for name in wanted]
        found = dict(
            zip(
                wanted,
                tf.graph_util.import_graph_def(pruned, input_map=feeds, return_elements=names, name="transform"),
                strict=True,
            )
        )
        for name, tensor in found.items():
            # The import does not know what a lookup in a table yields, so a matrix of words alone would have no shape.
            tensor.set_shape(self._outputs[name].shape)
        return found

    def _matrices(self, raw: Mapping[str, Raw]) -> dict[str, tf.Tensor]:
        """The matrices of the columns that hold one value a row, by the name of the tensor that they replace."""
        columns = matrix_columns({name: self._raw_spec[name] for name in self._scalars})
        return {
            f"{MATRIX}_{dtype.name}:0": stack(raw, names)
            for dtype, names in columns.items()
            if f"{MATRIX}_{dtype.name}" in self._nodes and all(name in raw for name in names)
        }

    def _parts(self, name: str, value: Raw) -> list[Any]:
        """The tensors to feed for a column that the graph reads as it is."""
        if isinstance(self._raw_spec[name], tf.io.FixedLenFeature):
            return [stack({name: value}, [name]) if isinstance(value, tf.SparseTensor) else value]
        sparse = value if isinstance(value, tf.SparseTensor) else without_missing(value)
        return [sparse.indices, sparse.values, sparse.dense_shape]

    def _placeholders(self, inputs: Iterator[tf.Tensor]) -> Iterator[tuple[str, list[tf.Tensor]]]:
        """The graph's inputs by column, in the order in which TensorFlow flattens them."""
        for name in sorted(self._raw_spec):
            count = 1 if isinstance(self._raw_spec[name], tf.io.FixedLenFeature) else 3
            yield name, [next(inputs) for _ in range(count)]

    def _read_directly(self, outputs: Collection[str]) -> set[str]:
        """The columns that the graph reads other than through a matrix."""
        stops = [name for name in self._nodes if name.startswith(MATRIX)]
        nodes = self._reached([self._outputs[name] for name in outputs], stops=stops)
        return {name for name, inputs in self._inputs.items() if nodes & {each.op.name for each in inputs}}

    def _reached(self, outputs: Collection[tf.Tensor], *, stops: Collection[str]) -> set[str]:
        """The names of the nodes that compute ``outputs``, up to those of ``stops``."""
        found: set[str] = set()
        waiting = [tensor.op.name for tensor in outputs]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                if name not in stops:
                    waiting += [each.split(":")[0].lstrip("^") for each in self._nodes[name].input]
        return found
