"""The engine of a run: checked before each node that needs it, and probed with a small job before the first."""

from __future__ import annotations

import time
from collections.abc import Iterable

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec

from pipeline.beam.job_server import check_job_server
from pipeline.beam.probe import probe
from pipeline.config.beam.portable import JobServer
from pipeline.config.config import Config
from pipeline.running.console import NodeProgress
from pipeline.running.events import NodeEnd

# What workers import: components, and what those may.
_PACKAGES = ("components", "serving", "trainer")
_LINE = "Beam workers"


class EngineCheck:
    """The engine that runs the Beam components of one run.

    Args:
        config: the pipeline.
        nodes: the pipeline's nodes.
        progress: shows the probe in the terminal.
    """

    def __init__(self, config: Config, *, nodes: Iterable[BaseNode], progress: NodeProgress):
        self._config, self._progress = config, progress
        self._beam_nodes = {
            node.id for node in nodes if isinstance(getattr(node, "executor_spec", None), BeamExecutorSpec)
        }
        self._tried = False

    def before(self, node: str) -> None:
        """Check the engine if ``node`` needs it.

        Raises:
            ConfigError: the engine does not answer, or its workers cannot run the pipeline.
        """
        beam = self._config.beam
        if not isinstance(beam, JobServer) or node not in self._beam_nodes:
            return
        check_job_server(beam.job_endpoint)
        if beam.probe and not self._tried:
            self._try(beam)
            self._tried = True

    def _try(self, beam: JobServer) -> None:
        start = time.monotonic()
        self._progress.start(_LINE)
        hosts = probe(
            beam,
            folder=self._config.run_folder,
            data=(self._config.data.path or self._config.run_folder).resolve(),
            packages=worker_packages(self._config),
        )
        self._progress.detail(f"on {', '.join(hosts)}")
        self._progress.end(NodeEnd(node=_LINE, state="done", seconds=time.monotonic() - start))


def worker_packages(config: Config) -> tuple[str, ...]:
    """The project's top-level packages that the workers of an engine run code of."""
    return tuple(dict.fromkeys((*_PACKAGES, config.trainer.preprocessing_fn.partition(".")[0])))
