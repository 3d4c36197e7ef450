"""Beam in this process, or in processes of this machine."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.beam.engine import NO_SDIST, Engine


class InProcess(Engine):
    """Beam's FnApiRunner.

    Attributes:
        mode: ``in_memory`` is fastest up to about a million rows, ``multi_processing`` beyond.
        workers: number of parallel workers; 0 means one per core.
    """

    runner: Literal["FnApiRunner"] = "FnApiRunner"
    mode: Literal["in_memory", "multi_threading", "multi_processing"] = "in_memory"
    workers: int = Field(default=1, ge=0)

    def arguments(self) -> list[str]:
        """See `Engine`."""
        return [
            f"--runner={self.runner}",
            f"--direct_running_mode={self.mode}",
            f"--direct_num_workers={self.workers}",
            NO_SDIST,
        ]
