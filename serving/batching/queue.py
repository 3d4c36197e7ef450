"""Queues of tasks that form batches, run by a few threads in round-robin order.

The rules are those of TensorFlow's SharedBatchScheduler (tensorflow/core/kernels/batching_util) behind TF Serving's
BatchSchedulerRetrier. A queue holds some batches; the last is open and takes tasks, the others are full.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import grpc

from serving.batching.parameters import BatchingParameters
from serving.errors import StatusError, invalid_argument

if TYPE_CHECKING:
    from typing import Self

# Longest wait for room in a full queue. TF Serving polls every 100 us; here a notification ends the wait.
_RETRY_SECONDS = 0.01


class BatchTask(Protocol):
    """A task in a batch.

    Attributes:
        size: int, rows that it takes of the batch.
    """

    size: int

    def split(self, sizes: Sequence[int]) -> Sequence[Self]:
        """Tasks of these sizes, which add up to its own; called only if large batches are split."""
        ...


K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=BatchTask)


class _Batch(Generic[T]):
    def __init__(self):
        self.tasks: list[T] = []
        self.size = 0
        self.opened = 0.0

    def add(self, task: T) -> None:
        if not self.tasks:
            self.opened = time.monotonic()
        self.tasks.append(task)
        self.size += task.size


class _Queue(Generic[K, T]):
    """Batches of one kind, oldest first; the last is open. Not thread-safe."""

    def __init__(self, key: K, parameters: BatchingParameters):
        self.key = key
        self._batches: deque[_Batch[T]] = deque([_Batch()])
        self._limit = parameters.execution_limit
        self._longest = parameters.queue_limit
        self._splits = parameters.enable_large_batch_splitting
        self._timeout = parameters.batch_timeout_micros / 1e6

    def refusal(self, size: int) -> str | None:
        """Why there is no room for a task of this size; None if there is."""
        count, filled = len(self._batches), self._batches[-1].size
        full = "The batch scheduling queue to which this task was submitted is full; "
        if self._splits:
            capacity = (self._longest - count) * self._limit + self._limit - filled
            if size > capacity:
                return (
                    f"{full}task size is {size} but scheduling capacity is only {capacity} "
                    f"(num_enqueued_batches={count}, max_enqueued_batches={self._longest}, open_batch_size={filled}, "
                    f"max_execution_batch_size={self._limit})"
                )
        elif filled + size > self._limit and count >= self._longest:
            return f"{full}currently {count} batches enqueued and max_enqueued_batches is {self._longest}"
        return None

    def add(self, task: T) -> bool:
        """Put a task into the open batch, or into new ones; returns whether a thread has to check the queue."""
        parts: Sequence[T] = [task]
        room = self._limit - self._batches[-1].size
        if self._splits and task.size > room:
            parts = task.split(_part_sizes(task.size, first=room, limit=self._limit))
        opens = False
        for part in parts:
            if self._batches[-1].size + part.size > self._limit:
                self._batches.append(_Batch())
            opens |= not self._batches[-1].tasks
            self._batches[-1].add(part)
        return opens or self._batches[-1].size >= self._limit

    def seconds_until_due(self, now: float) -> float | None:
        """0 or less if a batch may run; None if there is no task."""
        oldest = self._batches[0]
        if not oldest.tasks:
            return None
        if len(self._batches) > 1 or oldest.size >= self._limit:
            return 0.0
        return oldest.opened + self._timeout - now

    def take(self) -> list[T]:
        """Remove the oldest batch and return its tasks."""
        if len(self._batches) == 1:
            self._batches.append(_Batch())
        return self._batches.popleft().tasks


def _part_sizes(size: int, *, first: int, limit: int) -> list[int]:
    """The room in the open batch, then as many full batches as needed."""
    sizes = [first] if first else []
    left = size - first
    return [*sizes, *(min(limit, left - done) for done in range(0, left, limit))]


class BatchScheduler(Generic[K, T]):
    """Forms batches of the tasks of each queue and runs them. Thread-safe.

    Args:
        parameters: sizes, waiting times and number of threads.
        run: gets a queue's key and the tasks of one batch in a thread of the scheduler; must not raise.
        name: prefix of the threads' names.
        at_once: bool, let a batch run, however small, while no other one runs.
    """

    def __init__(
        self,
        *,
        parameters: BatchingParameters,
        run: Callable[[K, list[T]], None],
        name: str,
        at_once: bool = False,
    ):
        self._parameters = parameters
        self._at_once = at_once
        self._running = 0
        self._run = run
        self._queues: dict[K, _Queue[K, T]] = {}
        self._turns: deque[_Queue[K, T]] = deque()
        self._closed = False
        lock = threading.Lock()
        self._work = threading.Condition(lock)
        self._room = threading.Condition(lock)
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}_{index}", daemon=True)
            for index in range(parameters.threads)
        ]
        for thread in self._threads:
            thread.start()

    def schedule(self, key: K, task: T) -> None:
        """Put a task into the queue of this key; returns before it runs.

        Raises:
            StatusError: INVALID_ARGUMENT if it is larger than a request may be; UNAVAILABLE if the queue stays full
                for 10 ms.
        """
        largest = self._parameters.max_batch_size
        if task.size > largest:
            raise invalid_argument(f"Task size {task.size} is larger than maximum input batch size {largest}")
        with self._work:
            queue = self._queue(key)
            self._wait_for_room(queue, task.size)
            if queue.add(task):
                self._work.notify()

    def begin_alone(self) -> bool:
        """Whether the caller may run a batch of its own at once, since no other one runs or waits; it must `end` it."""
        with self._work:
            if not self._at_once or self._running or self._seconds_until_due() is not None:
                return False
            self._running += 1
            return True

    def end(self) -> None:
        """A batch has ended."""
        with self._work:
            self._running -= 1
            if self._at_once and not self._running:
                # What arrived meanwhile runs now, together.
                self._work.notify()

    def close(self) -> None:
        """Run the queued tasks and end the threads; nothing may be scheduled afterwards."""
        with self._work:
            self._closed = True
            self._work.notify_all()
        for thread in self._threads:
            thread.join()

    def _queue(self, key: K) -> _Queue[K, T]:
        if key not in self._queues:
            self._queues[key] = _Queue(key, self._parameters)
            self._turns.append(self._queues[key])
        return self._queues[key]

    def _wait_for_room(self, queue: _Queue[K, T], size: int) -> None:
        give_up: float | None = None
        while (text := queue.refusal(size)) is not None:
            now = time.monotonic()
            give_up = give_up or now + _RETRY_SECONDS
            if now >= give_up:
                raise StatusError(grpc.StatusCode.UNAVAILABLE, text)
            self._room.wait(give_up - now)

    def _serve(self) -> None:
        while batch := self._next():
            self._run(*batch)
            self.end()

    def _next(self) -> tuple[K, list[T]] | None:
        """Wait for the next batch; None once the scheduler is closed and the queues are empty."""
        with self._work:
            while (seconds := self._seconds_until_due()) is None or seconds > 0:
                if self._closed:
                    return None
                self._work.wait(seconds)
            batch = self._take()
            self._running += 1
            self._room.notify_all()
            if self._seconds_until_due() is not None:
                # This thread is busy from here on; another has to take the remaining tasks.
                self._work.notify()
            return batch

    def _seconds_until_due(self) -> float | None:
        """Seconds until a batch may run; None if nothing is queued."""
        return min((seconds for queue in self._turns if (seconds := self._due(queue)) is not None), default=None)

    def _due(self, queue: _Queue[K, T]) -> float | None:
        seconds = queue.seconds_until_due(time.monotonic())
        waits = not self._closed and not (self._at_once and not self._running)
        return seconds if waits or seconds is None else 0.0

    def _take(self) -> tuple[K, list[T]]:
        """A batch that may run, from the next queue in turn; there is one."""
        while True:
            queue = self._turns[0]
            self._turns.rotate(-1)
            seconds = self._due(queue)
            if seconds is not None and seconds <= 0:
                return queue.key, queue.take()
