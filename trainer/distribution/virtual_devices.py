"""The processor as several devices, to try a mirrored training on a machine without GPUs."""

from __future__ import annotations

import tensorflow as tf


def split_cpu(count: int) -> None:
    """Divide the processor into ``count`` devices; they share its cores, so that nothing becomes faster.

    Args:
        count: int, devices.

    Raises:
        ValueError: TensorFlow runs already, with another number of them.
    """
    [cpu, *_] = tf.config.list_physical_devices("CPU")
    if len(tf.config.get_logical_device_configuration(cpu) or ()) == count:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError:
        raise ValueError(
            f"virtual_devices: TensorFlow runs already, and cannot have {count} devices any more; call split_cpu first."
        ) from None
