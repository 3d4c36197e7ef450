"""The file of batching parameters, as TF Serving reads it."""

import subprocess
import sys

import pytest

from serving.batching.parameters import BatchingParameters, read_parameters
from tests.serving.support.command_line import MODEL, refusal


@pytest.fixture
def read(tmp_path):
    def parse(text: str) -> BatchingParameters:
        (tmp_path / "batching.txt").write_text(text)
        return read_parameters(tmp_path / "batching.txt")

    return parse


def test_every_field_is_read(read):
    parameters = read(
        "max_batch_size { value: 128 } batch_timeout_micros { value: 500 } max_enqueued_batches { value: 20 } "
        'num_batch_threads { value: 3 } thread_pool_name { value: "pool" } allowed_batch_sizes: 8 '
        "allowed_batch_sizes: 32 pad_variable_length_inputs: true enable_large_batch_splitting { value: true } "
        "max_execution_batch_size { value: 32 }"
    )
    assert parameters == BatchingParameters(
        max_batch_size=128,
        batch_timeout_micros=500,
        max_enqueued_batches=20,
        num_batch_threads=3,
        allowed_batch_sizes=(8, 32),
        pad_variable_length_inputs=True,
        enable_large_batch_splitting=True,
        max_execution_batch_size=32,
    )
    assert (parameters.execution_limit, parameters.threads, parameters.queue_limit) == (32, 3, 20)


def test_what_is_not_given_has_tf_servings_default(read):
    parameters = read("")
    assert parameters == BatchingParameters()
    assert (parameters.max_batch_size, parameters.batch_timeout_micros, parameters.max_enqueued_batches) == (
        1000,
        0,
        10,
    )
    assert parameters.threads >= 1
    # A queue without room for the batch that is being filled would refuse everything.
    assert read("max_enqueued_batches { value: 0 }").queue_limit == 1


def test_without_splitting_the_execution_size_is_ignored(read):
    assert read("max_batch_size { value: 8 } max_execution_batch_size { value: 4 }").execution_limit == 8


def test_batches_are_padded_to_the_next_size():
    parameters = BatchingParameters(max_batch_size=8, allowed_batch_sizes=(2, 4, 8))
    assert [parameters.padded(rows) for rows in (1, 2, 3, 4, 5, 8)] == [2, 2, 4, 4, 8, 8]
    assert BatchingParameters().padded(7) == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
        ("max_enqueued_batches { value: -1 }", "max_enqueued_batches must be non-negative; was -1"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        ("num_batch_threads { value: -2 }", "num_batch_threads must be positive; was -2"),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 2 allowed_batch_sizes: 4",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 4 allowed_batch_sizes: 4 allowed_batch_sizes: 8",
            "allowed_batch_sizes entries must be positive and monotonically increasing; were [4, 4, 8]",
        ),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } allowed_batch_sizes: 8 "
            "max_execution_batch_size { value: 4 }",
            "Last entry in allowed_batch_sizes must be equal to max_execution_batch_size; last entry was 8; expected 4",
        ),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 9 }",
            "max_batch_size must be greater than or equal to max_execution_batch_size; were 8 and 9",
        ),
        ("max_batch_size: 8", "Error parsing text-format tensorflow.serving.BatchingParameters"),
        ("batch_size { value: 8 }", "batch_size"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_it(read, text, message):
    with pytest.raises(ValueError, match="batching.txt") as error:
        read(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.txt: "):
        read_parameters(tmp_path / "nowhere.txt")


def test_flags_can_be_checked_before_tensorflow_is_imported():
    code = "import serving.batching.parameters, sys; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_flags_that_need_batching_are_refused_without_it(capsys):
    for flag in ("--batching_parameters_file=b", "--enable_per_model_batching_parameters"):
        assert "give --enable_batching, too" in refusal(capsys, *MODEL, flag)
