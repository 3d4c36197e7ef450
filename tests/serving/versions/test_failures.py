"""A change that fails half-way, on real servers: servers and file stay together."""

from __future__ import annotations

import os
import signal

import pytest

from serving.client.connection import Connection
from serving.processes import process_context
from serving.versions import models_config, rollout
from serving.versions.rollout import Server
from tests.serving.versions.fleets import BAD, MODEL, Callers, available, pointed, running

pytestmark = pytest.mark.tensorflow


def test_a_version_that_does_not_load_changes_nothing(fleet, capsys, monkeypatch):
    monkeypatch.setattr(rollout, "_FAILED_SECONDS", 0.5)
    text = fleet.file.read_text()
    with running(fleet, 2), Callers(fleet.targets[0], count=1) as callers:
        assert fleet("promote", BAD) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"{fleet.targets[0]}: version 5 of m does not load: ")
        assert error.count("\n") == 1
        assert fleet.file.read_text() == text
        for target in fleet.targets:
            assert pointed(target) == {"stable": 2}
            assert available(target) == {2}
        callers.answers_with(2.0)
        assert callers.errors == []


@pytest.mark.slow
def test_a_replica_that_cannot_be_reached_leaves_all_as_they_were(fleet, capsys):
    text = fleet.file.read_text()
    with running(fleet):
        fleet.targets.append("localhost:1")
        assert fleet("promote", 3) == 1
        assert capsys.readouterr().err == "localhost:1: cannot be reached; is the server running?\n"
        assert pointed(fleet.targets[0]) == {"stable": 2}
        assert fleet.file.read_text() == text


@pytest.mark.slow
def test_a_replica_that_refuses_in_the_middle_restores_the_others(fleet, capsys, monkeypatch, tmp_path):
    text = fleet.file.read_text()
    with running(fleet, 2):
        # The second server ends when the first one has moved its label: the worst moment.
        real, seen = Server.reload, []

        def reload(server, config):
            seen.append((server.target, models_config.labels(config, MODEL)))
            if server.target == fleet.targets[1] and models_config.labels(config, MODEL).get("stable") == 3:
                server = Server(Connection.of("localhost:1"), timeout=5)
            real(server, config)

        monkeypatch.setattr(Server, "reload", reload)
        assert fleet("promote", 3) == 1
        assert (fleet.targets[0], {"stable": 3, "previous": 2}) in seen
        assert "cannot be reached" in capsys.readouterr().err
        for target in fleet.targets:
            assert pointed(target) == {"stable": 2}
            assert available(target) == {2}
    assert fleet.file.read_text() == text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (OSError(28, "No space left on device"), "{}: cannot be written (No space left on device); nothing changed\n"),
        (KeyboardInterrupt(), "interrupted; `list` shows where file and servers stand\n"),
    ],
)
def test_a_failure_before_the_file_is_written_restores_the_servers(fleet, capsys, monkeypatch, failure, said):
    def write(path, config):
        raise failure

    with running(fleet):
        monkeypatch.setattr(models_config, "write", write)
        assert fleet("promote", 3) == 1
        assert capsys.readouterr().err == said.format(fleet.file)
        assert pointed(fleet.targets[0]) == {"stable": 2}
        assert available(fleet.targets[0]) == {2}


@pytest.mark.slow
@pytest.mark.parametrize("failure", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_servers_stay_with_a_file_that_was_written_before_the_failure(fleet, failure):
    before = models_config.read(fleet.file)
    after = models_config.edited(before, MODEL, labels={"stable": 3, "previous": 2}, versions=[2, 3])

    def save():
        models_config.write(fleet.file, after)
        raise failure

    with running(fleet), Server(Connection.of(fleet.targets[0]), timeout=10) as server:
        left = rollout.roll_out(
            [server],
            model=MODEL,
            before=before,
            after=after,
            save=save,
            saved=lambda: models_config.read(fleet.file) == after,
            timeout=20,
        )
        assert [line.rpartition("(")[2] for line in left] == ["after the file was written; the change is done)"]
        assert pointed(fleet.targets[0]) == fleet.labels() == {"stable": 3, "previous": 2}


def _die_before_the_file(fleet) -> None:
    models_config.write = lambda path, config: os.kill(os.getpid(), signal.SIGKILL)
    fleet("promote", 3)


@pytest.mark.slow
def test_after_a_kill_before_the_file_the_command_can_be_repeated(fleet):
    with running(fleet), Callers(fleet.targets[0]) as callers:
        process = process_context().Process(target=_die_before_the_file, args=(fleet,))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        callers.answers_with(3.0)
        assert fleet.labels() == {"stable": 2}
        # The file rules: an unrelated command first brings the server back to it, without an error.
        assert fleet("label", "canary", 4) == 0
        callers.answers_with(2.0)
        assert available(fleet.targets[0]) == {2, 4}
        assert fleet("promote", 3) == 0
        callers.answers_with(3.0)
        assert callers.errors == []
        assert fleet.labels() == pointed(fleet.targets[0]) == {"stable": 3, "previous": 2, "canary": 4}
