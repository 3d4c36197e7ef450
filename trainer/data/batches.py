"""The data of each step: a plan of compiled calls, and for each call a block of batches.

Only the seed and the step's number determine the rows of a step. So a training can resume at any step without reading
the data before it, and neither the number of replicas, nor the size of a call, nor the storage of the rows matters.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from trainer.data.columns import Columns
from trainer.data.storage import Matrices

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Call:
    """Steps ``start`` to ``start + steps - 1``, which run in one compiled call."""

    start: int
    steps: int

    @property
    def end(self) -> int:
        """The number of steps done after the call."""
        return self.start + self.steps


class Block(NamedTuple):
    """The batches of one call, for one replica.

    Attributes:
        matrices: ``[steps, rows, width]`` by dtype.
        valid: float32 ``[steps, rows]``, 1 for an example, 0 for the padding of an epoch's last batch.
    """

    matrices: Matrices
    valid: np.ndarray


def steps_per_epoch(rows: int, *, batch_size: int) -> int:
    """Batches per epoch, including a partial last one."""
    return -(-rows // batch_size)


def plan(*, start: int, total: int, per_call: int, stops: Sequence[int]) -> list[Call]:
    """Cut the steps from ``start`` to ``total`` into calls of at most ``per_call`` steps.

    Args:
        start: int, steps done.
        total: int, steps of the whole training.
        per_call: int, the most steps in a call.
        stops: intervals in steps, such as those of evaluations; no call crosses a multiple of one.
    """
    calls = []
    step = start
    while step < total:
        ends = [step + per_call, total, *((step // stop + 1) * stop for stop in stops)]
        calls.append(Call(start=step, steps=min(ends) - step))
        step = calls[-1].end
    return calls


class Batches:
    """The batches of a training: every epoch visits every row once, in an order fixed by the seed and the epoch.

    Args:
        columns: the split.
        batch_size: int, rows per step over all replicas.
        replicas: int, replicas that share a batch.
        seed: int, seed of the orders.

    Raises:
        ValueError: the batch size is not a multiple of the number of replicas.
    """

    def __init__(self, columns: Columns, *, batch_size: int, replicas: int, seed: int):
        if batch_size % replicas:
            raise ValueError(
                f"global_batch_size: {batch_size} does not divide among {replicas} replicas; "
                f"take {-(-batch_size // replicas) * replicas}."
            )
        self._columns = columns
        self._batch_size = batch_size
        self._share = batch_size // replicas
        self._seed = seed
        self._order = functools.lru_cache(maxsize=1)(self._new_order)
        self.steps_per_epoch = steps_per_epoch(columns.rows, batch_size=batch_size)
        self.batch_bytes = batch_size * columns.row_bytes

    def block(self, call: Call, *, replica: int, steps: int) -> Block:
        """The part of one replica in a call's batches.

        Args:
            call: the steps; they may cross the end of an epoch.
            replica: int, index among all replicas.
            steps: int, steps in the block, so that all blocks have one shape; those beyond the call's are padding.
        """
        epochs, within = np.divmod(call.start + np.arange(steps), self.steps_per_epoch)
        starts = within * self._batch_size + replica * self._share
        positions = starts[:, None] + np.arange(self._share)
        valid = (positions < self._columns.rows) & (np.arange(steps) < call.steps)[:, None]
        positions = np.minimum(positions, self._columns.rows - 1)
        indices = np.concatenate([self._order(epoch)[positions[epochs == epoch]] for epoch in np.unique(epochs)])
        return Block(matrices=self._columns.take(indices), valid=valid.astype(np.float32))

    def _new_order(self, epoch: int) -> np.ndarray:
        generator = np.random.Generator(np.random.Philox(key=[self._seed, int(epoch)]))
        kind = np.int32 if self._columns.rows < 2**31 else np.int64
        order = np.arange(self._columns.rows, dtype=kind)
        generator.shuffle(order)
        return order


def eval_blocks(columns: Columns, *, batch_size: int) -> Iterator[Matrices]:
    """Every row once, in file order, as matrices ``[rows, width]``."""
    for start in range(0, columns.rows, batch_size):
        yield columns.take(np.arange(start, min(start + batch_size, columns.rows)))


def prefetched(make: Callable[[Call], T], calls: Sequence[Call]) -> Iterator[tuple[Call, T]]:
    """Each call with the result of ``make``, which another thread computes while the previous call runs."""
    if not calls:
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="input") as pool:
        ahead = pool.submit(make, calls[0])
        for call, following in zip(calls, [*calls[1:], None], strict=True):
            made = ahead.result()
            if following is not None:
                ahead = pool.submit(make, following)
            yield call, made
