"""``python -m serving.versions`` on real servers: labels, promotion and rollback under load, restarts, refusals."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.client.connection import Connection
from serving.client.messages import tensors
from serving.processes import process_context
from serving.versions import cli, models_config, rollout
from serving.versions.rollout import AVAILABLE, Server
from tests.serving.support.certificates import Authority
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow

MODEL = "m"
# Version to the constant that is added; version 5 is not a SavedModel.
CONSTANTS = {2: 2.0, 3: 3.0, 4: 4.0}
BAD = 5


@pytest.fixture
def fleet(half_plus, tmp_path):
    """A base path with versions, and a config file of which version 2 is stable."""
    folder = tmp_path / MODEL
    folder.mkdir()
    half_plus(folder / "2", constant=CONSTANTS[2])
    file = tmp_path / "models.config"
    flags = ["--model", MODEL, "--model_config_file", str(file)]
    assert cli.main(["init", *flags, "--model_base_path", str(folder)]) == 0
    for version in (3, 4):
        half_plus(folder / str(version), constant=CONSTANTS[version])
    (folder / str(BAD)).mkdir()
    (folder / str(BAD) / "saved_model.pb").write_bytes(b"no SavedModel")
    return Fleet(file)


class Fleet:
    """The models config file of a few servers, and the command line on both."""

    def __init__(self, file: Path):
        self.file = file
        self.targets: list[str] = []

    def server(self) -> RunningServer:
        return RunningServer("--model_config_file", str(self.file), "--file_system_poll_wait_seconds", "0.1")

    def __call__(self, command: str, *flags: object) -> int:
        common = ["--model", MODEL, "--model_config_file", str(self.file), "--target", ",".join(self.targets)]
        return cli.main([command, *common, *map(str, flags)])

    def labels(self) -> dict[str, int]:
        return models_config.labels(models_config.read(self.file), MODEL)


@contextmanager
def running(fleet, count=1):
    with ExitStack() as stack:
        fleet.targets = [stack.enter_context(fleet.server()).target for _ in range(count)]
        yield


def available(target) -> set[int]:
    with Server(Connection.of(target), timeout=10) as server:
        return {version for version, state in server.states(MODEL).items() if state.state == AVAILABLE}


def pointed(target) -> dict[str, int]:
    with Server(Connection.of(target), timeout=10) as server:
        return server.labels(MODEL, ["stable", "previous", "canary"])


class Callers:
    """Threads that ask for label stable all the time. Use as a context manager."""

    def __init__(self, target, *, count: int = 4):
        self.answers: Counter[float] = Counter()
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(target,)) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def answers_with(self, value: float) -> None:
        """Wait until new requests get this answer."""
        with self._lock:
            self.answers.clear()
        end = time.monotonic() + 20
        while self.answers[value] < 20:
            assert time.monotonic() < end, (value, self.answers, self.errors[:3])
            time.sleep(0.01)

    def _ask(self, target):
        with grpc.insecure_channel(target) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.version_label = MODEL, "stable"
            tensors.fill(request.inputs["x"], np.array([[2.0]], np.float32))
            while not self._stop.is_set():
                try:
                    response = stub.Predict(request, timeout=30)
                    value = float(tensors.to_array(response.outputs["y"]).ravel()[0]) - 1.0
                    with self._lock:
                        self.answers[value] += 1
                except grpc.RpcError as error:
                    self.errors.append(f"{error.code()}: {error.details()}")


def test_no_request_fails_while_versions_are_promoted_and_rolled_back(fleet):
    with running(fleet), Callers(fleet.targets[0]) as callers:
        callers.answers_with(2.0)
        assert fleet("label", "canary", 3) == 0
        callers.answers_with(2.0)
        assert fleet("promote") == 0
        callers.answers_with(3.0)
        assert fleet("rollback") == 0
        callers.answers_with(2.0)
        for version, former in ((4, 2), (3, 4)):
            assert fleet("promote", version) == 0
            callers.answers_with(CONSTANTS[version])
            assert fleet.labels() == pointed(fleet.targets[0]) == {"stable": version, "previous": former}
        # The version that lost its last label is unloaded in the end.
        end = time.monotonic() + 20
        while available(fleet.targets[0]) != {3, 4}:
            assert time.monotonic() < end
        assert callers.errors == []
    with running(fleet):
        assert pointed(fleet.targets[0]) == {"stable": 3, "previous": 4}
        assert available(fleet.targets[0]) == {3, 4}


def test_canary_beside_stable_and_what_list_shows(fleet, capsys):
    with running(fleet):
        assert fleet("label", "canary", 4) == 0
        assert capsys.readouterr().out.splitlines()[-2:] == [
            "m: canary 4, stable 2",
            "requests without a label get version 4, the newest one loaded",
        ]
        assert fleet("list") == 0
        assert capsys.readouterr().out.splitlines() == [
            "version  disk  state      labels  error",
            "5        yes   -          -",
            "4        yes   AVAILABLE  canary",
            "3        yes   -          -",
            "2        yes   AVAILABLE  stable",
        ]
        assert fleet("list", "--json") == 0
        [server] = json.loads(capsys.readouterr().out)["servers"]
        assert [(one["version"], one["state"], one["labels"]) for one in server["versions"]] == [
            (5, None, []),
            (4, "AVAILABLE", ["canary"]),
            (3, None, []),
            (2, "AVAILABLE", ["stable"]),
        ]
        assert fleet("label", "canary", "--remove") == 0
        assert pointed(fleet.targets[0]) == {"stable": 2}
        edited = models_config.edited(models_config.read(fleet.file), MODEL, labels={"stable": 3}, versions=None)
        models_config.write(fleet.file, edited)
        capsys.readouterr()
        assert fleet("list") == 0
        assert capsys.readouterr().out.splitlines()[-1] == "the file has label stable at 3, the server has 2"


def test_a_dry_run_prints_the_difference_and_changes_nothing(fleet, capsys):
    fleet.targets = ["localhost:1"]
    text = fleet.file.read_text()
    assert fleet("promote", 3, "--dry-run") == 0
    out = capsys.readouterr().out
    changed = [line.split() for line in out.splitlines()[2:] if line[0] in "+-"]
    assert ["+", "key:", '"previous"'] in changed
    assert ["+", "versions:", "3"] in changed
    assert fleet.file.read_text() == text


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
def test_a_file_that_cannot_be_written_restores_the_servers(fleet, capsys, monkeypatch):
    def full(path, config):
        raise OSError(28, "No space left on device")

    with running(fleet):
        monkeypatch.setattr(models_config, "write", full)
        assert fleet("promote", 3) == 1
        assert (
            capsys.readouterr().err == f"{fleet.file}: cannot be written (No space left on device); nothing changed\n"
        )
        assert pointed(fleet.targets[0]) == {"stable": 2}


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


@pytest.mark.slow
def test_an_interrupt_restores_the_servers(fleet, capsys, monkeypatch):
    def interrupt(path, config):
        raise KeyboardInterrupt

    with running(fleet):
        monkeypatch.setattr(models_config, "write", interrupt)
        assert fleet("promote", 3) == 1
        assert capsys.readouterr().err == "interrupted; `list` shows where file and servers stand\n"
        assert pointed(fleet.targets[0]) == {"stable": 2}
        assert available(fleet.targets[0]) == {2}


def test_a_model_served_by_the_latest_policy_is_taken_over(fleet):
    shutil.rmtree(fleet.file.parent / MODEL / str(BAD))
    config = models_config.read(fleet.file)
    models_config.entry(config, MODEL).ClearField("model_version_policy")
    models_config.entry(config, MODEL).ClearField("version_labels")
    models_config.write(fleet.file, config)
    with running(fleet):
        assert available(fleet.targets[0]) == {4}
        assert fleet("promote", 3) == 0
        assert fleet("label", "canary", 4) == 0
        assert pointed(fleet.targets[0]) == {"stable": 3, "previous": 4, "canary": 4}
        assert fleet("promote") == 0
        assert fleet.labels() == {"stable": 4, "previous": 3}


@pytest.mark.slow
def test_servers_with_tls(fleet, capsys, tmp_path):
    authority = Authority()
    server, client = authority.sign("server"), authority.sign("client")
    config = tmp_path / "ssl.config"
    fields = {"server_key": server.key, "server_cert": server.certificate, "custom_ca": authority.certificate}
    config.write_text("".join(f"{key}: {json.dumps(pem)}\n" for key, pem in fields.items()) + "client_verify: true\n")
    files = {"--tls-ca": authority.certificate, "--tls-cert": client.certificate, "--tls-key": client.key}
    for flag, pem in files.items():
        (tmp_path / flag).write_text(pem)
    flags = [item for flag in files for item in (flag, tmp_path / flag)]
    with RunningServer("--model_config_file", str(fleet.file), "--ssl_config_file", str(config)) as running_server:
        fleet.targets = [running_server.target]
        assert fleet("promote", 3, *flags) == 0
        assert fleet.labels() == {"stable": 3, "previous": 2}
        capsys.readouterr()
        assert fleet("list") == 1
        assert capsys.readouterr().err.startswith(running_server.target)
        assert fleet("list", *flags[2:]) == 2
        assert capsys.readouterr().err == "list: --tls-cert, --tls-key and --tls-server-name need --tls-ca\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["promote", 9], r"promote: version 9 of m is not in .*/m; there are 2, 3, 4, 5"),
        (["promote"], r"promote: there is no label canary to promote"),
        (["rollback"], r"rollback: there is no label previous to roll back to"),
        (["label", "stable", 3], r"label: only promote and rollback set the label stable"),
        (["label", "canary", "--remove"], r"label: there is no label canary; there are stable"),
        (["list", "--model", "x"], r"list: no model x in the models config; it has m"),
        (["list", "--model_config_file", "/nowhere/x"], r"list: /nowhere/x: does not exist"),
        (["promote", 3, "--model_config_file", "/nowhere/x"], r"promote: /nowhere/x: cannot be opened"),
    ],
)
def test_invalid_commands_are_refused_before_any_server_is_called(fleet, capsys, flags, message):
    fleet.targets = ["localhost:1"]
    assert fleet(*flags) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.match(message, error), error


@pytest.mark.slow
def test_list_of_a_server_that_is_not_there(fleet, capsys):
    fleet.targets = ["localhost:1"]
    assert fleet("list") == 1
    assert capsys.readouterr().err == "localhost:1: cannot be reached; is the server running?\n"
