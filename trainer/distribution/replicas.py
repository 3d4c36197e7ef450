"""The distribution strategy of a training, and this process's place in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf

from trainer.distribution import cluster, rendezvous
from trainer.distribution.virtual_devices import split_cpu

StrategyName = Literal["auto", "one_device", "mirrored", "multi_worker", "tpu"]


@dataclass(frozen=True, kw_only=True)
class Replicas:
    """A strategy and this process's part in it.

    Attributes:
        strategy: creates the variables and runs the steps.
        count: int, replicas over all processes.
        local: int, replicas of this process.
        first: int, number of this process's first replica among all.
        chief: whether this process writes the outputs.
    """

    strategy: tf.distribute.Strategy
    count: int
    local: int
    first: int
    chief: bool

    @property
    def is_tpu(self) -> bool:
        """Whether the replicas are TPU cores, which compile every step."""
        return isinstance(self.strategy, tf.distribute.TPUStrategy)

    @property
    def on_cpu(self) -> bool:
        """Whether the replicas are no accelerators."""
        return all(":CPU:" in device for device in self.strategy.extended.worker_devices)

    @property
    def one_process(self) -> bool:
        """Whether this process trains alone."""
        return self.count == self.local

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if not self.one_process:
            ones = self.strategy.run(lambda: tf.constant(1.0))
            self.strategy.reduce(tf.distribute.ReduceOp.SUM, ones, axis=None)

    def put(self, make: Callable[[int], Any]) -> Any:
        """A value for each local replica, in the form that ``strategy.run`` takes.

        Args:
            make: called with each local replica's number among all.
        """
        if self.count == 1:
            # This runs in the input's thread, so the value is on the device before the step starts.
            return tf.nest.map_structure(tf.convert_to_tensor, make(0))
        made = iter([make(self.first + index) for index in range(self.local)])
        return self.strategy.experimental_distribute_values_from_function(lambda context: next(made))


def choose(name: StrategyName, *, worker_start_seconds: float = 600, virtual_devices: int | None = None) -> Replicas:
    """The strategy by its name in `trainer.options.Loop`; a process chooses once, before it builds anything.

    Args:
        name: the strategy's name.
        worker_start_seconds: how long the processes of a cluster wait for each other.
        virtual_devices: into how many devices the processor is divided for a mirrored training; None for real ones.

    Raises:
        ValueError: there is no such hardware, TF_CONFIG is missing or wrong, or a process of its cluster does not come.
    """
    if virtual_devices is not None:
        split_cpu(virtual_devices)
        return _mirrored(tf.config.list_logical_devices("CPU"))
    if name == "auto":
        name = _found()
    if name == "tpu":
        return _all_local(_tpu_strategy())
    if name == "multi_worker":
        return _multi_worker(worker_start_seconds)
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if name == "mirrored":
        return _mirrored(devices)
    return _all_local(tf.distribute.OneDeviceStrategy(devices[0].name))


def cluster_size() -> int:
    """The number of processes in TF_CONFIG, including the chief; 0 if it is not set."""
    found = cluster.from_environment()
    return len(found.addresses) if found else 0


def _found() -> StrategyName:
    if cluster_size() > 1:
        return "multi_worker"
    if tf.config.list_physical_devices("TPU"):
        return "tpu"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "one_device"


def _mirrored(devices: Sequence[tf.config.LogicalDevice]) -> Replicas:
    return _all_local(tf.distribute.MirroredStrategy([device.name for device in devices]))


def _all_local(strategy: tf.distribute.Strategy) -> Replicas:
    count = strategy.num_replicas_in_sync
    return Replicas(strategy=strategy, count=count, local=count, first=0, chief=True)


def _tpu_strategy() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(tpu="local")
    except (ValueError, tf.errors.OpError) as error:
        raise ValueError(f"strategy: there is no TPU here ({error}); choose another or 'auto'.") from None
    return tf.distribute.TPUStrategy(resolver)


def _multi_worker(start_seconds: float) -> Replicas:
    workers = cluster.from_environment()
    if workers is None:
        raise ValueError("strategy: multi_worker needs the environment variable TF_CONFIG; choose another or 'auto'.")
    rendezvous.meet(workers, timeout_seconds=start_seconds)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            f"strategy: multi_worker cannot start ({error}); a worker's process must not use TensorFlow before it "
            "trains."
        ) from None
    local = strategy.extended._num_devices_per_worker  # noqa: SLF001 (no public name; see below)
    count = strategy.num_replicas_in_sync
    return Replicas(strategy=strategy, count=count, local=local, first=workers.place * local, chief=workers.chief)
