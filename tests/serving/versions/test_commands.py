"""``python -m serving.versions`` on real servers: labels, promotion and rollback under load, refusals."""

from __future__ import annotations

import json
import re
import shutil
import time

import pytest

from serving.versions import models_config
from tests.serving.support.certificates import Authority
from tests.serving.support.running import RunningServer
from tests.serving.versions.fleets import BAD, CONSTANTS, MODEL, Callers, available, pointed, running

pytestmark = pytest.mark.tensorflow


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
