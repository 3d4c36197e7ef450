"""TF Serving's BatchingParameters, with its checks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving import config_protos

# Fields that are wrapped in messages, so that "not given" differs from 0.
_WRAPPED = (
    "max_batch_size",
    "batch_timeout_micros",
    "max_enqueued_batches",
    "num_batch_threads",
    "enable_large_batch_splitting",
    "max_execution_batch_size",
)


@dataclass(frozen=True, kw_only=True)
class BatchingParameters:
    """TF Serving's BatchingParameters (servables/tensorflow/session_bundle_config.proto), with its defaults.

    Attributes:
        max_batch_size: int, most rows of a batch and of a request.
        batch_timeout_micros: int, longest wait of the first request of an incomplete batch; 0: no wait.
        max_enqueued_batches: int, most batches in one queue; 0 counts as 1.
        num_batch_threads: int, batches that run at a time; 0: one for each CPU.
        allowed_batch_sizes: ascending sizes; a batch is padded with rows to the next one; empty: no padding.
        pad_variable_length_inputs: bool, pad inputs of unequal shapes to the largest; otherwise they are refused.
        enable_large_batch_splitting: bool, split a request over several batches; batches then have at most
            ``max_execution_batch_size`` rows, and only requests ``max_batch_size``.
        max_execution_batch_size: int, see there; 0: the same as ``max_batch_size``. Ignored without splitting, as in
            TF Serving.

    Raises:
        ValueError: the values contradict each other; one line.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = 0
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self):
        for name, least in (("max_batch_size", 1), ("batch_timeout_micros", 0), ("max_enqueued_batches", 0)):
            if getattr(self, name) < least:
                wanted = "positive" if least else "non-negative"
                raise ValueError(f"{name} must be {wanted}; was {getattr(self, name)}")
        if self.num_batch_threads < 0:
            raise ValueError(f"num_batch_threads must be positive; was {self.num_batch_threads}")
        if self.max_execution_batch_size < 0:
            raise ValueError(f"max_execution_batch_size must be non-negative; was {self.max_execution_batch_size}")
        if self.execution_limit > self.max_batch_size:
            raise ValueError(
                "When enable_large_batch_splitting is true, max_batch_size must be greater than or equal to "
                f"max_execution_batch_size; were {self.max_batch_size} and {self.execution_limit}"
            )
        self._check_allowed_sizes()

    def _check_allowed_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if not sizes:
            return
        if sizes[0] < 1 or any(size >= larger for size, larger in zip(sizes, sizes[1:], strict=False)):
            raise ValueError(
                f"allowed_batch_sizes entries must be positive and monotonically increasing; were {list(sizes)}"
            )
        if sizes[-1] != self.execution_limit:
            limit = "be equal to max_execution_batch_size" if self._splits else "match max_batch_size"
            raise ValueError(
                f"Last entry in allowed_batch_sizes must {limit}; last entry was {sizes[-1]}; "
                f"expected {self.execution_limit}"
            )

    @property
    def _splits(self) -> bool:
        return self.enable_large_batch_splitting

    @property
    def execution_limit(self) -> int:
        """Most rows of a batch."""
        return self.max_execution_batch_size or self.max_batch_size if self._splits else self.max_batch_size

    @property
    def queue_limit(self) -> int:
        """Most batches in one queue, including the one that is being filled."""
        return max(1, self.max_enqueued_batches)

    @property
    def threads(self) -> int:
        """Batches that run at a time."""
        return self.num_batch_threads or os.cpu_count() or 1

    def padded(self, rows: int) -> int:
        """The size to which a batch of ``rows`` is padded."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def read_parameters(path: Path) -> BatchingParameters:
    """The parameters in a text-format BatchingParameters file, with TF Serving's defaults.

    ``thread_pool_name`` is ignored: the threads and their metrics carry the model's name.

    Raises:
        ValueError: the file is missing or invalid, or its values contradict each other; one line.
    """
    message = config_protos.read_text(path, config_protos.batching_parameters())
    values: dict[str, Any] = {name: getattr(message, name).value for name in _WRAPPED if message.HasField(name)}
    try:
        if values.get("num_batch_threads") == 0:
            raise ValueError("num_batch_threads must be positive; was 0")
        return BatchingParameters(
            **values,
            allowed_batch_sizes=tuple(message.allowed_batch_sizes),
            pad_variable_length_inputs=message.pad_variable_length_inputs,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
