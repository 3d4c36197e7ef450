"""Batches are padded to an allowed size, and requests to the same shape."""

from __future__ import annotations

import time

import numpy as np
import pytest
from tensorflow.core.protobuf import meta_graph_pb2

from serving.batching.layout import SignatureLayout
from serving.batching.tensors import merge
from serving.client.messages.values import MISSING
from serving.errors import StatusError
from tests.serving.batching.subject import rows
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


def test_a_batch_is_padded_with_rows_to_the_next_allowed_size(batched):
    subject = batched(max_batch_size=8, allowed_batch_sizes=(4, 8))
    with subject.held(requests=2):
        first = subject.ask(x=rows(1, 2))
        wait_for(lambda: subject.metric("input_batch_size_count") == 2)
        time.sleep(0.1)
        second = subject.ask(x=rows(5, 6, 7))
    assert first.result(60)["y"].tolist() == [[2], [4]]
    assert second.result(60)["y"].tolist() == [[10], [12], [14]]
    assert second.result(60)["rows"].tolist() == [8, 8, 8]
    # What is repeated is the first row of the last request.
    [merged] = subject.model.runs[-1][0].values()
    assert merged.tolist() == [[1], [2], [5], [6], [7], [5], [5], [5]]
    # The one that held the thread back was padded from 1 to 4.
    assert (subject.metric("padding_size_sum"), subject.metric("processed_batch_size_sum")) == (3 + 3, 4 + 8)


def test_unequal_lengths_are_padded_with_each_requests_first_value(batched):
    subject = batched(pad_variable_length_inputs=True)
    with subject.held(requests=2):
        short, long = subject.ask(x=rows(1, 5, width=2)), subject.ask(x=rows(7, width=4))
    assert short.result(60)["y"].tolist() == [[2, 4, 2, 2], [10, 12, 2, 2]]
    assert long.result(60)["y"].tolist() == [[14, 16, 18, 20]]


def test_padding_keeps_strings_whole():
    short, long = np.array([[b"a\0"]], dtype=object), np.array([[b"b", b"c\0"]], dtype=object)
    merged = merge([{"s": short}, {"s": long}], rows=3, pad_lengths=True)
    assert merged["s"].tolist() == [[b"a\0", b"a\0"], [b"b", b"c\0"], [b"b", b"c\0"]]
    with pytest.raises(StatusError, match="Got empty tensor in batch of non-empty tensors."):
        merge([{"s": short}, {"s": np.empty((1, 0), dtype=object)}], rows=2, pad_lengths=True)


def test_columns_of_lists_are_padded_with_what_is_missing():
    signature = meta_graph_pb2.SignatureDef()
    for name, dtype, sizes in (("tags", 7, [-1, -1]), ("codes", 9, [-1, -1]), ("place", 1, [-1, 3]), ("kind", 7, [-1])):
        signature.inputs[name].name, signature.inputs[name].dtype = f"{name}:0", dtype
        for size in sizes:
            signature.inputs[name].tensor_shape.dim.add(size=size)
        signature.inputs[name].tensor_shape.dim[0].name = "what the exporter says of it"
    layout = SignatureLayout.of(signature)
    assert layout.lists == {"tags:0", "codes:0"}
    first = {"tags:0": np.array([[b"a"]], object), "codes:0": np.array([[5, 6]])}
    second = {"tags:0": np.array([[b"b", b"c"]], object), "codes:0": np.empty((1, 0), np.int64)}
    merged = merge([first, second], rows=2, pad_lengths=False, lists=layout.lists)
    assert merged["tags:0"].tolist() == [[b"a", b""], [b"b", b"c"]]
    assert merged["codes:0"].tolist() == [[5, 6], [MISSING["i"]] * 2]
    for info in signature.inputs.values():
        info.tensor_shape.dim[0].name = ""
    assert not SignatureLayout.of(signature).lists
