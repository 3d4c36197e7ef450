"""What is shown of the errors that Beam and TensorFlow wrap."""

import pytest
import tensorflow as tf

from components.refusal import GateRefused
from pipeline.running.reasons import reason_of
from trainer.refusal import TrainingRefused


@pytest.mark.tensorflow
def test_of_a_graphs_error_the_operations_own_words_are_shown():
    @tf.function
    def needs_two(x):
        tf.debugging.assert_greater(tf.shape(x)[0], 1, message="a batch of one\nhas no spread")
        return x

    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        needs_two(tf.constant([1.0]))
    # As TensorFlow Transform wraps it.
    batch = (
        f'An error occurred while trying to apply the transformation: "{raised.value}".\n Batch: {"x: [[0.1]]" * 99}'
    )
    reason = reason_of(ValueError(batch))
    assert reason.startswith(
        "ValueError: preprocessing_fn fails for a batch of rows: assertion failed: [a batch of one"
    )
    assert "has no spread" in reason
    assert len(reason) <= 300
    assert reason.isprintable()


@pytest.mark.tensorflow
def test_a_decision_in_python_by_a_tensor_is_named_with_its_line():
    @tf.function(autograph=False)
    def loss(error):
        return error * error if tf.reduce_mean(error) > 0.5 else error

    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError) as raised:
        loss(tf.constant([1.0]))
    reason = reason_of(raised.value)
    assert reason.startswith(f"test_reasons.py, line {loss.python_function.__code__.co_firstlineno + 2}: a Python if, ")
    assert reason.endswith("use keras.ops.where, cond or while_loop")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(), "ValueError: no message"),
        (ValueError("first\n\nmiddle\n  last\x1b"), "ValueError: first … last\\x1b"),
        (KeyError("a\nb"), r"KeyError: 'a\nb'"),
        (GateRefused("no"), "no"),
        (TrainingRefused("no\nway"), "no\\nway"),
    ],
)
def test_other_errors_are_one_line(error, reason):
    assert reason_of(error) == reason


def test_a_long_error_keeps_its_beginning_and_its_end():
    reason = reason_of(ValueError("begin " + "x" * 5000 + " end"))
    assert len(reason) <= 300
    assert reason.startswith("ValueError: begin x")
    assert reason.endswith(" end")
