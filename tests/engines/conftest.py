"""The cluster and the run in memory that its results are compared with; both are made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import hosts
from tests.engines.downloads import FLINK
from tests.engines.flink.cluster import FlinkCluster


@pytest.fixture(scope="session")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    """Two task managers on hosts of their own; one on this machine where there can be no such hosts."""
    missing = FLINK.missing()
    if missing:
        pytest.skip(missing)
    count = 1 if hosts.missing() else 2
    with FlinkCluster(folder=tmp_path_factory.mktemp("flink"), task_managers=count) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The taxi pipeline to its model, with Beam in memory."""
    from tests.engines.equality import run_beam_nodes

    return run_beam_nodes("--profile=ci", folder=tmp_path_factory.mktemp("in_memory"), to="Trainer")
