"""Apache Spark, behind Beam's job server."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from pipeline.config.beam.portable import JobServer


class Spark(JobServer):
    """A Spark cluster, which takes the parallelism from its own settings."""

    runner: Literal["SparkRunner"]

    @model_validator(mode="before")
    @classmethod
    def _no_parallelism(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("parallelism") is not None:
            raise ValueError("parallelism: has no effect on Spark, which takes it from its own settings; leave it out")
        return given
