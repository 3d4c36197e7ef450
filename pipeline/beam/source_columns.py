"""Which columns an analyzer of Transform reads, found in time that is linear in the number of columns.

TFT compares every tensor that an analyzer depends on with every column, for every analyzer, and every column with every
other, to assert that no two have the same name: at 1,000 columns that takes longer than the analysis. Here the tensors
are a set, and the names, which are the keys of a dict, are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tensorflow_transform.graph_tools as graph_tools
import tensorflow_transform.tf_utils as tf_utils

from pipeline.patches import replaced


@contextmanager
def quick_source_columns() -> Iterator[None]:
    """While open, TFT looks columns up."""
    with (
        replaced(
            graph_tools, "_retrieve_source_keys", source_columns, parameters=("sourced_tensors", "structured_inputs")
        ),
        replaced(graph_tools, "_set_unique_value_in_dict", _set_value, parameters=("input_dict", "key", "value")),
    ):
        yield


def source_columns(sourced_tensors: Iterable[Any], structured_inputs: Mapping[str, Any]) -> set[str]:
    """The names of the columns that some tensors are computed from.

    Args:
        sourced_tensors: what an analyzer reads.
        structured_inputs: the columns' tensors by name.
    """
    read = graph_tools.retrieve_sources([tensor.op for tensor in sourced_tensors], ignore_control_dependencies=True)
    sources = {tf_utils.hashable_tensor_or_op(source) for source in read}
    return {
        name
        for name, column in structured_inputs.items()
        if any(tf_utils.hashable_tensor_or_op(part) in sources for part in graph_tools._decompose_tensor_or_op(column))
    }


def _set_value(input_dict: dict[Any, Any], key: Any, value: Any) -> None:
    input_dict[tf_utils.hashable_tensor_or_op(key)] = value
