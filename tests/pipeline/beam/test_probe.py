"""The probe of an engine, with Beam's own job service and real worker pools, one for each thing that may be wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.beam.guard import guarded
from pipeline.beam.job_server import check_job_server
from pipeline.beam.probe import probe
from pipeline.config.beam.portable import Portable
from pipeline.config.loading import ConfigError
from tests.shared.programs import PROJECT, Program, free_port, python_environment, wait_for_port

pytestmark = pytest.mark.tensorflow

PACKAGES = ("components", "serving", "trainer")
HOST = os.uname().nodename
# The environment has the project installed in place, and a worker without it must not find it there.
WITHOUT_PROJECT = """import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if not finder.__module__.startswith("__editable__")]
"""


@pytest.fixture(scope="module")
def job_server(tmp_path_factory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    command = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main", f"--port={port}"]
    program = Program([*command, f"--staging_dir={folder / 'staged'}"], log=folder / "log")
    wait_for_port(port, seconds=60)
    yield f"localhost:{port}"
    program.kill()


@pytest.fixture
def pool(tmp_path):
    """Starts worker pools: each with its project, in a folder of its own."""
    started = []

    def start(project: Path | None, *, hidden: Path | None = None, **environment: str) -> str:
        port, folder = free_port(), tmp_path / "pool"
        folder.mkdir(exist_ok=True)
        given = {**python_environment(project or folder), **environment}
        command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
        command.append("--container_executable=")
        if hidden:
            # Another machine's view: an empty folder of its own where this machine has a shared one.
            command = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {hidden} && exec "$@"', "sh", *command]
        started.append(Program(command, log=tmp_path / "log", environment=given, folder=folder))
        wait_for_port(port, seconds=60)
        return f"localhost:{port}"

    yield start
    for program in started:
        program.kill()


def run(job_server: str, worker_pool: str, folder: Path, *, data: Path = PROJECT / "data", seconds: float = 60):
    options = Portable(runner="PortableRunner", job_endpoint=job_server, worker_pool=worker_pool, probe_seconds=seconds)
    try:
        return probe(options, folder=folder, data=data, packages=PACKAGES)
    finally:
        assert not list(folder.glob(".beam-probe*"))


def copy_of_the_project(folder: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_beam_s_own_job_service_is_a_job_server(job_server):
    check_job_server(job_server)


def test_a_worker_pool_is_no_job_server(pool):
    with pytest.raises(ConfigError, match=r"a gRPC server listens, but not Beam's job service \(a worker pool\?\)"):
        check_job_server(pool(PROJECT))


def test_good_workers_pass_and_say_where_they_are(job_server, pool, tmp_path):
    assert run(job_server, pool(copy_of_the_project(tmp_path / "elsewhere")), tmp_path / "runs") == (
        os.uname().nodename,
    )


@pytest.mark.slow
def test_a_worker_without_the_project_is_one_line_for_each_package(job_server, pool, tmp_path):
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "sitecustomize.py").write_text(WITHOUT_PROJECT)
    with pytest.raises(ConfigError) as error:
        run(job_server, pool(None), tmp_path / "runs")
    assert str(error.value).splitlines() == [
        f"beam: the worker on {HOST} cannot import {package}; put the project's folder on the worker pool's PYTHONPATH."
        for package in PACKAGES
    ]


@pytest.mark.slow
def test_old_code_on_a_worker_is_named(job_server, pool, tmp_path):
    project = copy_of_the_project(tmp_path / "old")
    (project / "trainer" / "run_fn.py").write_text("# Of yesterday.\n")
    (project / "components" / "push" / "pusher.py").unlink()
    with pytest.raises(ConfigError) as error:
        run(job_server, pool(project), tmp_path / "runs")
    who = f"beam: the worker on {HOST} has other code than this machine"
    assert str(error.value).splitlines() == [
        f"{who}: components/push/pusher.py; bring it up to date.",
        f"{who}: trainer/run_fn.py; bring it up to date.",
    ]


@pytest.mark.slow
def test_another_version_on_a_worker_is_named(job_server, pool, tmp_path):
    project = copy_of_the_project(tmp_path / "project")
    # The first on the path with the name is the one that an import's version is taken from.
    for name, version in (("tfx", "1.20.0"), ("tensorflow", "2.20.0")):
        info = project / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    with pytest.raises(ConfigError) as error:
        run(job_server, pool(project), tmp_path / "runs")
    assert "has tfx 1.20.0, and this machine has 1." in str(error.value).splitlines()[0]
    assert "has tensorflow 2.20.0, and this machine has 2." in str(error.value).splitlines()[1]


@pytest.mark.slow
def test_data_that_a_worker_does_not_see_is_named(job_server, pool, tmp_path):
    with pytest.raises(
        ConfigError, match=r"^beam: the worker on \S+ does not see the data in /nowhere/else; it must be"
    ):
        run(job_server, pool(PROJECT), tmp_path / "runs", data=Path("/nowhere/else"))


@pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode != 0,
    reason="mounting in a namespace is not allowed here",
)
@pytest.mark.slow
def test_a_run_folder_that_a_worker_does_not_see_is_named(job_server, pool, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    with pytest.raises(ConfigError) as error:
        run(job_server, pool(PROJECT, hidden=runs), runs)
    assert str(error.value) == (
        f"beam: the worker on {HOST} does not see the folder {runs}; it must be shared, under the same path on all "
        "machines."
    )


def test_no_worker_pool_is_told_and_not_waited_for(job_server, tmp_path):
    endpoint = f"localhost:{free_port()}"
    with pytest.raises(ConfigError, match=f"^beam.worker_pool: nothing listens at {endpoint} as the engine's workers"):
        run(job_server, endpoint, tmp_path / "runs")


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_worker_that_cannot_start_is_an_error_long_before_the_limit_of_real_jobs(job_server, pool, tmp_path):
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "python").write_text("#!/bin/sh\nexit 1\n")
    (broken / "python").chmod(0o755)
    endpoint = pool(PROJECT, PATH=f"{broken}:/bin")
    with (
        pytest.raises(
            ConfigError, match=r"^beam.worker_pool: no Beam worker did anything within 5 s: is a worker pool at "
        ),
        guarded(240),
    ):
        run(job_server, endpoint, tmp_path / "runs", seconds=5)
