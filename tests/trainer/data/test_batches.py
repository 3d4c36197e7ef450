"""The rows that a step sees, and the memory that they take."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.shared.models.small_model import serialize
from tests.shared.processes import run_python
from tests.trainer.training import fit, make_arrays
from trainer.data.batches import Batches, Call, plan, prefetched
from trainer.data.columns import Columns, read_columns

pytestmark = pytest.mark.tensorflow

SPEC = {
    "id": tf.io.FixedLenFeature([1], tf.int64),
    "x": tf.io.FixedLenFeature([1], tf.float32),
    "picture": tf.io.FixedLenFeature([2, 3, 1], tf.float32),
    "label": tf.io.FixedLenFeature([1], tf.float32),
}


def write(path, rows, start=0):
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row in range(start, start + rows):
            picture = [row + index / 10 for index in range(6)]
            writer.write(serialize({"id": row, "x": row / 2, "picture": picture, "label": float(row % 2)}))


def read(folder, memory_bytes):
    return read_columns([f"{folder}/*.gz"], SPEC, memory_bytes=memory_bytes, scratch=str(folder / "scratch"))


@pytest.mark.parametrize("memory_bytes", [10**9, 1000])
def test_columns_are_what_was_written(tmp_path, memory_bytes):
    write(tmp_path / "a.gz", 9000)
    write(tmp_path / "b.gz", 70, start=9000)
    columns = read(tmp_path, memory_bytes)
    assert columns.in_memory == (memory_bytes > 1000)
    assert columns.rows == 9070
    assert columns.row_bytes == 4 + 4 * 8
    rows = np.array([[0, 9069], [8999, 1]])
    matrices = columns.take(rows)
    assert {name: matrix.shape for name, matrix in matrices.items()} == {"int32": (2, 2, 1), "float32": (2, 2, 8)}
    found = columns.layout.unpack({name: tf.constant(matrix[1]) for name, matrix in matrices.items()})
    assert found["id"].numpy().tolist() == [[8999], [1]]
    assert found["id"].dtype == tf.int64
    assert found["x"].numpy().tolist() == [[4499.5], [0.5]]
    assert found["picture"].shape == (2, 2, 3, 1)
    np.testing.assert_allclose(found["picture"][1, :, :, 0], [[1.0, 1.1, 1.2], [1.3, 1.4, 1.5]], rtol=1e-6)
    assert found["label"].numpy().tolist() == [[1.0], [1.0]]


def test_ids_beyond_32_bits_are_kept(tmp_path):
    write(tmp_path / "a.gz", 10)
    write(tmp_path / "b.gz", 2, start=2**40)
    columns = read(tmp_path, 10**9)
    found = columns.layout.unpack({name: tf.constant(matrix) for name, matrix in columns.take(np.arange(12)).items()})
    assert found["id"].numpy()[:, 0].tolist() == [*range(10), 2**40, 2**40 + 1]


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ValueError, match="no transformed examples at .*nothing"):
        read(tmp_path / "nothing", 10**9)
    write(tmp_path / "a.gz", 0)
    with pytest.raises(ValueError, match="are empty"):
        read(tmp_path, 10**9)
    write(tmp_path / "a.gz", 1000)
    whole = (tmp_path / "a.gz").read_bytes()
    (tmp_path / "a.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="a.gz.* cannot be decoded|cannot be decoded"):
        read(tmp_path, 10**9)
    words = {"word": tf.io.FixedLenFeature([1], tf.string)}
    with pytest.raises(ValueError, match="transformed feature 'word' is .*convert it in preprocessing_fn"):
        read_columns([str(tmp_path / "a.gz")], words, memory_bytes=10**9, scratch=str(tmp_path))


def test_a_plan_stops_where_something_is_due():
    calls = plan(start=3, total=25, per_call=4, stops=[10, 6])
    assert [(call.start, call.end) for call in calls] == [
        (3, 6),
        (6, 10),
        (10, 12),
        (12, 16),
        (16, 18),
        (18, 20),
        (20, 24),
        (24, 25),
    ]
    assert plan(start=25, total=25, per_call=4, stops=[10]) == []


def ids(columns, *, replicas=1, seed=5, per_call=3, start=0, total=6):
    """The ids that each step sees, by step."""
    batches = Batches(columns, batch_size=32, replicas=replicas, seed=seed)
    steps = []
    for call in plan(start=start, total=total, per_call=per_call, stops=[]):
        blocks = [batches.block(call, replica=replica, steps=4) for replica in range(replicas)]
        for step in range(call.steps):
            steps.append(
                [
                    int(value)
                    for block in blocks
                    for value, valid in zip(
                        next(iter(block.matrices.values()))[step, :, 0], block.valid[step], strict=True
                    )
                    if valid
                ]
            )
    return steps


def test_an_epoch_visits_every_row_once_and_epochs_differ():
    columns = Columns.from_arrays({"row": np.arange(70)[:, None]})
    steps = ids(columns)
    assert [len(step) for step in steps] == [32, 32, 6] * 2
    first, second = sum(steps[:3], []), sum(steps[3:], [])
    assert sorted(first) == sorted(second) == list(range(70))
    assert first != second
    assert first != list(range(70))


def test_only_the_seed_and_the_step_decide_what_a_step_sees(tmp_path):
    columns = Columns.from_arrays({"row": np.arange(70)[:, None]})
    expected = ids(columns)
    assert ids(columns, per_call=1) == expected
    assert ids(columns, replicas=4) == expected
    assert ids(columns, start=2) == expected[2:]
    assert ids(columns, seed=6) != expected
    write(tmp_path / "a.gz", 70)
    only_ids = {"id": SPEC["id"]}
    files = [f"{tmp_path}/*.gz"]
    kept, mapped = (
        read_columns(files, only_ids, memory_bytes=size, scratch=str(tmp_path / "scratch")) for size in (10**9, 10)
    )
    assert ids(kept) == ids(mapped) == expected


def test_a_training_from_a_file_equals_one_from_memory(tmp_path):
    arrays = make_arrays(300)
    with tf.io.TFRecordWriter(str(tmp_path / "a.gz"), "GZIP") as writer:
        for row in range(300):
            writer.write(serialize({name: values[row].tolist() for name, values in arrays.items()}))
    spec = {name: tf.io.FixedLenFeature(values.shape[1:], values.dtype) for name, values in arrays.items()}
    results = []
    for memory_bytes in (10**9, 100):
        columns = read_columns(
            [str(tmp_path / "*.gz")], spec, memory_bytes=memory_bytes, scratch=str(tmp_path / "scratch")
        )
        trained, _ = fit(columns, tmp_path / str(memory_bytes))
        results.append(trained)
    for one, other in zip(*(trained.model.get_weights() for trained in results), strict=True):
        np.testing.assert_array_equal(one, other)
    assert results[0].evaluation == results[1].evaluation


@pytest.mark.slow
def test_a_split_larger_than_its_memory_stays_out_of_it(tmp_path):
    """305 MB of rows, 16 MB of memory: the process grows by little more than the bound."""
    found = json.loads(run_python("tests.trainer.data.mapped", str(tmp_path)).stdout.splitlines()[-1])
    assert found["decoded_mb"] > 300
    assert found["grown_mb"] < 64


def test_a_failure_while_making_a_block_is_raised():
    def make(call):
        if call.start:
            raise RuntimeError("disk gone")
        return call

    calls = [Call(start=0, steps=1), Call(start=1, steps=1)]
    with pytest.raises(RuntimeError, match="disk gone"):
        list(prefetched(make, calls))
    assert list(prefetched(make, calls[:1])) == [(calls[0], calls[0])]
