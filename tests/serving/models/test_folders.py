"""Models behind a URI, on TensorFlow's own file system in memory: what works there works for gs://, too."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import tensorflow as tf

from serving.errors import StatusError
from serving.metrics import Metrics
from serving.models.core import ServerCore
from serving.models.folders import RemoteFolder, find, fingerprint, folder_of
from serving.server.loader import Loader
from tests.serving.models.cores import ask, config, entry, spec
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def base_path(tmp_path, half_plus):
    """``half_plus`` as version 1, in memory; a new version and a local copy of it are written by `put`."""
    uri = f"ram://{tmp_path.name}/m"
    put(half_plus(tmp_path / "1", constant=2.0) or tmp_path / "1", f"{uri}/1")
    return uri


def put(folder: Path, uri: str) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            target = f"{uri}/{path.relative_to(folder)}"
            tf.io.gfile.makedirs(target.rpartition("/")[0])
            tf.io.gfile.copy(str(path), target, overwrite=True)


def test_versions_behind_a_uri_are_found_loaded_and_replaced(base_path, tmp_path, half_plus, monkeypatch):
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    core = ServerCore(load=Loader(metrics=Metrics()), poll_seconds=0.02)
    core.reload(config(entry(base_path)))
    assert ask(core, spec()) == (1, 3.0)
    half_plus(tmp_path / "2", constant=5.0)
    put(tmp_path / "2", f"{base_path}/2")
    wait_for(lambda: ask(core, spec()) == (2, 6.0))
    wait_for(lambda: [folder.name for folder in copies.glob("*/*")] == ["2"])
    assert core.stop()
    assert list(copies.iterdir()) == []


def test_what_is_below_a_uri(base_path):
    folder = folder_of(f"{base_path}/")
    assert folder == RemoteFolder(base_path)
    assert find(folder) == {1: RemoteFolder(f"{base_path}/1")}
    before = fingerprint(folder)
    assert before
    with tf.io.gfile.GFile(f"{base_path}/1/more", "w") as file:
        file.write("more")
    assert fingerprint(folder) != before
    with pytest.raises(OSError, match="nowhere"):
        find(folder_of(f"{base_path}/nowhere"))


def test_a_path_and_a_file_uri_are_folders_of_this_machine():
    assert folder_of("/models/m") == folder_of("file:///models/m") == Path("/models/m")


def test_a_scheme_that_tensorflow_does_not_know_is_refused_by_name(tmp_path):
    core = ServerCore(load=Loader(metrics=Metrics()), poll_seconds=0)
    with pytest.raises(StatusError, match=r"File system scheme 's3' not implemented \(file: 's3://bucket/m'\)"):
        core.reload(config(entry("s3://bucket/m")))
    assert not core.has("m")
    core.stop()
