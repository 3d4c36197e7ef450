"""Apache Flink, behind Beam's job server."""

from __future__ import annotations

from typing import Literal

from pipeline.config.beam.portable import Parallel


class Flink(Parallel):
    """A Flink cluster."""

    runner: Literal["FlinkRunner"]
