"""The models config file: read, edited, written; no server, no TensorFlow."""

import os
import resource
import stat
import subprocess
import sys

import pytest

from serving.versions import cli, models_config
from serving.versions.models_config import ModelsConfigError
from tests.serving.versions.conftest import TEXT


def test_an_edit_changes_one_model_and_keeps_the_first_comments(file):
    before = models_config.read(file)
    file.chmod(0o640)
    after = models_config.edited(before, "taxi", labels={"stable": 5}, versions=[5, 4])
    models_config.write(file, after)
    assert models_config.read(file) == after
    assert models_config.labels(after, "taxi") == {"stable": 5}
    assert models_config.specific_versions(after, "taxi") == {4, 5}
    assert models_config.entry(after, "other") == models_config.entry(before, "other")
    assert models_config.labels(before, "taxi") == {"stable": 4, "previous": 3}
    text = file.read_text()
    assert text.startswith("# Served by the fleet.\n\n# Ask the owners first.\nmodel_config_list {")
    assert "gone" not in text
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["models.config"]


def test_a_write_that_fails_leaves_the_file(file):
    config = models_config.read(file)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            models_config.write(file, config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert file.read_text() == TEXT
    assert [path.name for path in file.parent.iterdir()] == ["models.config"]


def test_a_folder_that_cannot_be_synced_is_only_a_warning(file, monkeypatch, caplog):
    # The file is in place by then: on an error the caller would restore the servers' old config.
    synced = []

    def sync(descriptor):
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        if synced[-1]:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", sync)
    config = models_config.edited(models_config.read(file), "taxi", labels={"stable": 5}, versions=[5])
    models_config.write(file, config)
    assert synced == [False, True]
    assert models_config.read(file) == config
    assert f"{file.parent}: cannot be synced (Input/output error)" in caplog.text


def test_a_link_stays_a_link(file):
    link = file.with_name("link.config")
    link.symlink_to(file)
    models_config.write(link, models_config.edited(models_config.read(link), "taxi", labels={}, versions=None))
    assert link.is_symlink()
    assert models_config.labels(models_config.read(file), "taxi") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "does not exist"),
        ("model_config_list { conf {} }", r'not a text-format ModelServerConfig \(1:21 : .*no field named "conf"'),
        ('custom_model_config { type_url: "x" }', "contains a custom_model_config"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "f"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelsConfigError, match=message) as error:
        models_config.read(path)
    assert "\n" not in str(error.value)


def test_an_unknown_model_is_named_with_those_that_are_there(file):
    with pytest.raises(ModelsConfigError, match="no model taxy in the models config; it has other, taxi"):
        models_config.entry(models_config.read(file), "taxy")


def test_a_second_command_is_refused_while_the_first_one_works(file):
    code = (
        "import sys, pathlib\n"
        "from serving.versions import models_config\n"
        "try:\n"
        "    with models_config.locked(pathlib.Path(sys.argv[1])): print('got it')\n"
        "except models_config.ModelsConfigError as error: print(error)\n"
    )

    def other_process() -> str:
        command = [sys.executable, "-c", code, str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    with models_config.locked(file):
        # The lock is held on the path, whichever file is there by now.
        assert "another command is changing it" in other_process()
    assert other_process() == "got it\n"
    with models_config.locked(file):
        models_config.write(file, models_config.read(file))
    assert other_process() == "got it\n"


def test_init_makes_a_file_and_adds_to_one(tmp_path, capsys):
    for version in ("3", "10", ".tmp-11", "note"):
        (tmp_path / "taxi" / version).mkdir(parents=True)
        (tmp_path / "taxi" / version / "saved_model.pb").touch()
    file = tmp_path / "models.config"
    flags = ["init", "--model_base_path", str(tmp_path / "taxi"), "--model_config_file", str(file)]
    assert cli.main([*flags, "--model", "taxi"]) == 0
    assert cli.main([*flags, "--model", "cab"]) == 0
    config = models_config.read(file)
    for model in ("taxi", "cab"):
        assert models_config.labels(config, model) == {"stable": 10}
        assert models_config.specific_versions(config, model) == {10}
        assert models_config.entry(config, model).base_path == str(tmp_path / "taxi")
    capsys.readouterr()
    assert cli.main([*flags, "--model", "cab"]) == 2
    assert capsys.readouterr().err == (
        "init: model cab is already in the models config; promote or label its versions\n"
    )


def test_an_empty_choice_of_versions_is_still_specific(file):
    config = models_config.edited(models_config.read(file), "taxi", labels={}, versions=[])
    assert models_config.specific_versions(config, "taxi") == set()


def test_versions_on_disk_are_folders_of_plain_digits(tmp_path):
    for name in ("7", "12", "\u00b2", "\u0663", "-1", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "8").write_text("no folder")
    assert models_config.versions_on_disk(tmp_path) == {7, 12}
    assert models_config.versions_on_disk(tmp_path / "nowhere") is None


def test_the_command_needs_no_tensorflow():
    code = "import sys, serving.versions.cli; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
