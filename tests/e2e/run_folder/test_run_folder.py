"""A run folder that cannot be used as it is: each ends in one line with the way out, and doctor knows what to do.

The tests run in the order of this file.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys

import pytest

from pipeline.running import metadata
from tests.e2e.projects.project import Outcome, network_can_be_cut
from tests.e2e.projects.small import SmallProject
from tests.e2e.run_folder import kills

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

needs_mounts = pytest.mark.skipif(not network_can_be_cut(), reason="this machine gives no namespaces, so no mounts")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> SmallProject:
    """A project that has pushed a model."""
    project = SmallProject(tmp_path_factory.mktemp("small"))
    outcome = project.run()
    assert outcome.code == 0, outcome.err
    return project


def one_line(outcome: Outcome) -> str:
    [line] = outcome.err.splitlines()
    assert len(line) <= 300
    return line


def test_a_rebuilt_run_folder_still_has_its_baseline(small):
    healthy = small.other("doctor")
    assert (healthy.code, healthy.out) == (0, f"{small.run_folder}: nothing is wrong.\n"), healthy.err
    file = small.run_folder / "metadata.sqlite"
    before = {(one.type, one.uri) for one in metadata.open_store(file).get_artifacts()}
    highest = max(one.id for one in metadata.open_store(file).get_executions())
    file.write_bytes(file.read_bytes()[:20_000])
    (small.run_folder / "tmp" / "trainer-dead").mkdir()
    refused = small.run()
    assert refused.code == 2
    assert "metadata.sqlite is damaged" in one_line(refused)
    assert "doctor --repair" in one_line(refused)
    found = small.other("doctor", "--json")
    report = json.loads(found.out)
    assert (found.code, report["healthy"]) == (3, False), found.err
    assert [problem["kind"] for problem in report["problems"]] == ["metadata", "leftover"]
    repaired = small.other("doctor", "--repair")
    assert repaired.code == 0, repaired.out + repaired.err
    assert repaired.out.endswith("all is repaired.\n")
    assert len(list(small.run_folder.glob("metadata.sqlite.broken-*"))) == 1
    rebuilt = {(one.type, one.uri) for one in metadata.open_store(file).get_artifacts()}
    assert {uri for kind, uri in before if kind != "PushedModel"} <= {uri for _, uri in rebuilt}
    [served] = small.versions()
    outcome = small.run("--set", "trainer.loop.seed=1")
    assert outcome.code == 0, outcome.err
    [baseline] = baselines(small)
    assert baseline == next(uri for kind, uri in before if kind == "Model")
    assert min(one.id for one in last_executions(small)) > highest
    assert small.versions()[0] == served
    assert small.other("doctor").code == 0


def last_executions(small: SmallProject) -> list:
    store, run = metadata.last_run(small.run_folder / "metadata.sqlite")
    return store.get_executions_by_context(run.id)


def baselines(small: SmallProject) -> list[str]:
    """The models that the last run compared its own with."""
    store, run = metadata.last_run(small.run_folder / "metadata.sqlite")
    evaluator = metadata.executions(store, run)["Evaluator"]
    events = store.get_events_by_execution_ids([evaluator.id])
    ids = [event.artifact_id for event in events if event.path.steps[0].key == "baseline_model"]
    return [artifact.uri for artifact in store.get_artifacts_by_id(ids)]


def test_a_run_that_waits_for_another_says_so_and_can_be_stopped(small):
    descriptor = os.open(small.run_folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    refused = small.run()
    assert refused.code == 1
    assert f"another run uses {small.run_folder} (process {os.getpid()}); add --wait" in one_line(refused)
    process = small.start("--wait")
    assert process.stdout.readline().endswith("waiting for its end.\n")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    os.close(descriptor)


def mounted(small: SmallProject, mount: str, *words: str) -> Outcome:
    """A run with a mount of its own at the folder ``disk``."""
    (small.folder / "disk").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pipeline", "run", "--config", "configs/small.yaml", "--set", "runs=disk", *words]
    shell = ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh", *command]
    environment = {**os.environ, "PYTHONPATH": str(small.folder)}
    done = subprocess.run(shell, cwd=small.folder, env=environment, capture_output=True, text=True, timeout=600)
    return Outcome(done.returncode, done.stdout, done.stderr)


@needs_mounts
def test_a_full_disk_and_a_read_only_one_are_one_line(small):
    outcome = mounted(small, "mount -t tmpfs -o ro none disk")
    assert outcome.code == 2
    assert one_line(outcome).startswith(f"runs: {small.folder}/disk/small cannot be ")
    assert "(Read-only file system)" in outcome.err
    outcome = mounted(small, "mount -t tmpfs -o size=700k none disk")
    assert outcome.code == 1
    assert "the disk is full: 0." in one_line(outcome)
    assert "Free some space" in one_line(outcome)


def test_killed_runs_are_taken_up_again():
    assert kills.run(times=3, seed=1) == 0
