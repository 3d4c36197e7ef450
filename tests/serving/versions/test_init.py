"""The first ``python -m serving.versions`` on a model: files without labels, folders that are no versions."""

from __future__ import annotations

import shutil

import pytest

from serving.versions import cli, models_config
from tests.serving.support.running import RunningServer
from tests.serving.versions.fleets import CONSTANTS, MODEL, Callers, available, pointed

pytestmark = pytest.mark.tensorflow

PLATFORM = 'model_platform: "tensorflow"'
NEWEST = "the file has no label stable: taking version 4, the newest one loaded"


@pytest.fixture
def models(half_plus, tmp_path):
    """A base path with versions 2, 3 and 4."""
    folder = tmp_path / MODEL
    folder.mkdir()
    for version, constant in CONSTANTS.items():
        half_plus(folder / str(version), constant=constant)
    return folder


@pytest.fixture
def write(models, tmp_path):
    """A function that makes the models config file, by the kind of its policy."""

    def made(kind):
        # As the deploy files have it: a comment, and a policy.
        policy = "" if kind == "plain" else f"model_version_policy {{ {kind} }} "
        model = f'config {{ name: "{MODEL}" base_path: "{models}" {PLATFORM} {policy}}}'
        file = tmp_path / "models.config"
        file.write_text(f"# A comment.\nmodel_config_list {{ {model} }}\n")
        return file

    return made


def running(file) -> RunningServer:
    return RunningServer("--model_config_file", str(file), "--file_system_poll_wait_seconds", "0.1")


def command(file, target, *words) -> int:
    return cli.main([*map(str, words), "--model", MODEL, "--model_config_file", str(file), "--target", target])


def labels(file) -> dict[str, int]:
    return models_config.labels(models_config.read(file), MODEL)


@pytest.mark.parametrize(
    ("kind", "words", "wanted", "loaded"),
    [
        ("plain", ["label", "canary", 3], {"stable": 4, "canary": 3}, {3, 4}),
        ("latest {}", ["promote", 3], {"stable": 3, "previous": 4}, {3, 4}),
        # What the policy served beside the newest version stays, too.
        ("latest { num_versions: 2 }", ["label", "canary", 2], {"stable": 4, "canary": 2}, {2, 3, 4}),
    ],
)
def test_the_version_in_production_stays_at_the_first_command(write, capsys, kind, words, wanted, loaded):
    file = write(kind)
    with running(file) as server:
        target, text = server.target, file.read_text()
        assert command(file, target, *words, "--dry-run") == 0
        assert capsys.readouterr().out.startswith(f"{NEWEST}\n--- {file} (now)\n")
        assert file.read_text() == text
        assert command(file, target, *words) == 0
        assert capsys.readouterr().out.splitlines()[0] == NEWEST
        assert labels(file) == pointed(target) == wanted
        assert available(target) == models_config.specific_versions(models_config.read(file), MODEL) == loaded
        with Callers(target, count=1) as callers:
            callers.answers_with(CONSTANTS[wanted["stable"]])
        assert callers.errors == []
        # From then on the file has the label; the next command need not guess.
        assert command(file, target, "label", "blue", 3) == 0
        assert "no label stable" not in capsys.readouterr().out
    with running(file) as server:
        assert pointed(server.target) == wanted
        assert available(server.target) == loaded | {3}


@pytest.mark.slow
@pytest.mark.parametrize("words", [["label", "canary", 3], ["promote", 3]])
def test_without_a_version_in_production_there_is_none_to_keep(write, models, tmp_path, capsys, words):
    file = write("latest {}")
    text = file.read_text()
    shutil.copytree(models, tmp_path / "other" / MODEL)
    other = tmp_path / "other.config"
    other.write_text(
        f'model_config_list {{ config {{ name: "other" base_path: "{tmp_path / "other" / MODEL}" {PLATFORM} }} }}'
    )
    with running(other) as server:
        assert command(file, server.target, *words) == 2
    assert capsys.readouterr().err == (
        f"{words[0]}: the file has no label stable, and no server has loaded a version of m; `list` shows why. "
        "Try again once a version is loaded\n"
    )
    assert file.read_text() == text


def test_an_invalid_first_command_is_refused_before_any_server_is_called(write, capsys):
    file = write("plain")
    for words, error in (
        (["promote", 9], f"promote: version 9 of m is not in {file.parent / MODEL}; there are 2, 3, 4\n"),
        (["label", "canary", "--remove"], "label: there is no label canary; there are none\n"),
    ):
        assert command(file, "localhost:1", *words) == 2
        assert capsys.readouterr().err == error


def test_a_dry_run_with_nothing_to_change_says_so(models, tmp_path, capsys):
    file = tmp_path / "models.config"
    flags = ["--model", MODEL, "--model_config_file", str(file)]
    assert cli.main(["init", *flags, "--model_base_path", str(models)]) == 0
    capsys.readouterr()
    assert command(file, "localhost:1", "promote", 4, "--dry-run") == 0
    assert capsys.readouterr().out == "no change\n"


def test_init_skips_folders_that_are_no_model(models, tmp_path, capsys):
    file = tmp_path / "models.config"
    flags = ["init", "--model", MODEL, "--model_config_file", str(file), "--model_base_path", str(models)]
    (models / "4" / "saved_model.pb").unlink()
    (models / "12" / "variables").mkdir(parents=True)
    assert cli.main(flags) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"{models}: skipping version {version}, it has no saved_model.pb" for version in (4, 12)
    ]
    with running(file) as server:
        assert available(server.target) == {3}
        assert pointed(server.target) == {"stable": 3}


def test_init_refuses_a_folder_without_any_model(tmp_path, capsys):
    file, models = tmp_path / "models.config", tmp_path / MODEL
    (models / "7").mkdir(parents=True)
    flags = ["init", "--model", MODEL, "--model_config_file", str(file), "--model_base_path", str(models)]
    assert cli.main(flags) == 2
    assert capsys.readouterr().err == f"init: {models}: contains no version with a saved_model.pb; push a model first\n"
    assert not file.exists()
