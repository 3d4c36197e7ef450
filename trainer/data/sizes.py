"""Batch size and length of a training where the options leave them open: they follow from the number of rows."""

from __future__ import annotations

# A batch of one twenty-fourth of the rows gives small tables some two dozen steps per epoch.
_BATCHES_PER_EPOCH = 24
_SMALLEST_BATCH, _LARGEST_BATCH = 32, 256
# At most 100 epochs, within limits; but rows beyond the upper limit are still seen three times.
_MOST_EPOCHS, _FEWEST_EPOCHS = 100, 3
_FEWEST_STEPS, _MOST_STEPS = 600, 8000
# Evaluations nearer to each other than this differ by chance alone.
_STEPS_BETWEEN_EVALUATIONS = 20


def batch_size(rows: int, *, replicas: int, pieces: int) -> int:
    """The power of two nearest to a twenty-fourth of the rows, from 32 to 256, and a multiple of the replicas.

    Args:
        rows: int, rows of the training.
        replicas: int, replicas that share a batch.
        pieces: int, micro-batches of each replica; none is empty.
    """
    size = _SMALLEST_BATCH
    while size < _LARGEST_BATCH and size * 1.5 * _BATCHES_PER_EPOCH <= rows:
        size *= 2
    return -(-max(size, replicas * pieces) // replicas) * replicas


def most_steps(steps_per_epoch: int) -> int:
    """The length of a training that early stopping does not end before."""
    steps = min(max(_MOST_EPOCHS * steps_per_epoch, _FEWEST_STEPS), _MOST_STEPS)
    return max(steps, _FEWEST_EPOCHS * steps_per_epoch)


def steps_between_evaluations(steps_per_epoch: int) -> int:
    """An epoch, or several of a very small table."""
    return -(-_STEPS_BETWEEN_EVALUATIONS // steps_per_epoch) * steps_per_epoch
