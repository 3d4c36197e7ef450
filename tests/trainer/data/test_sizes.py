import pytest

from trainer.data.sizes import batch_size, most_steps, steps_between_evaluations
from trainer.options import EarlyStopping, Loop


@pytest.mark.parametrize(
    ("rows", "size"),
    [(1, 32), (344, 32), (1151, 32), (1152, 64), (2900, 128), (4608, 256), (1_500_000, 256)],
)
def test_a_batch_is_a_power_of_two_near_a_24th_of_the_rows(rows, size):
    assert batch_size(rows, replicas=1, pieces=1) == size


def test_replicas_and_micro_batches_share_a_batch():
    assert batch_size(344, replicas=3, pieces=1) == 33
    assert batch_size(344, replicas=8, pieces=5) == 40


@pytest.mark.parametrize(
    ("steps_per_epoch", "most", "between"),
    [(1, 600, 20), (7, 700, 21), (27, 2700, 27), (94, 8000, 94), (5000, 15000, 5000)],
)
def test_a_training_is_600_to_8000_steps_long_but_at_least_three_epochs(steps_per_epoch, most, between):
    assert most_steps(steps_per_epoch) == most
    assert steps_between_evaluations(steps_per_epoch) == between


def test_a_training_without_a_given_end_stops_early():
    assert Loop().stopping == EarlyStopping(patience=12)
    assert Loop(early_stopping={"patience": 2}).stopping == EarlyStopping(patience=2)
    assert Loop(epochs=3).stopping is None
    assert Loop(steps=3).stopping is None
    assert Loop(steps=3, early_stopping={}).stopping == EarlyStopping()
