"""Checks of the Beam engine."""

from __future__ import annotations

from pipeline.config.beam.portable import JobServer
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError


def check_engine(config: Config) -> None:
    """Check that the Beam components of a run that starts here have somewhere to run."""
    if config.beam.not_here:
        raise ConfigError(f"beam.runner: {config.beam.not_here}.")
    if isinstance(config.beam, JobServer):
        # Here, so that commands which ask no engine do not import gRPC.
        from pipeline.beam.job_server import check_job_server

        check_job_server(config.beam.job_endpoint)
