"""Limits on what a model may cost to serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from trainer.options import Strict

if TYPE_CHECKING:
    from serving.inference.cost import Cost


class Budgets(Strict):
    """The limits; None is no limit.

    Attributes:
        size_mb: float, largest size of the export's files, in megabytes.
        memory_mb: float, by how much loading it and answering may raise a process's peak memory, in megabytes.
        latency_ms: float, largest median time of a request of one row, without the network, in milliseconds. It
            depends on the machine and on what else runs there.
    """

    size_mb: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    memory_mb: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    latency_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    def exceeded(self, cost: Cost) -> str | None:
        """The first limit that a model exceeds, in words; None if it keeps all."""
        for key, what, unit in (
            ("size_mb", "the export's size", "MB"),
            ("memory_mb", "the memory to load it and answer", "MB"),
            ("latency_ms", "the median time of a request of one row", "ms"),
        ):
            limit, found = getattr(self, key), getattr(cost, key)
            if limit is not None and found > limit:
                return f"{what} is {found:.3g} {unit}, above the maximum {limit:g} (gates.infra.budgets.{key})"
        return None
