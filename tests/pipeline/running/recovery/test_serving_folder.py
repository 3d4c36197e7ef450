"""Half versions, as a copy by hand leaves them, beside a whole one."""

import shutil

import pytest
import tensorflow as tf

from pipeline.running.recovery import serving_folder
from serving.versions import version_folders

pytestmark = pytest.mark.tensorflow


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def data(version):
    [file] = version.glob("variables/variables.data-*")
    return file


DAMAGES = {
    "it has no saved_model.pb": lambda version: (version / "saved_model.pb").unlink(),
    "its saved_model.pb is cut or damaged": lambda version: cut(version / "saved_model.pb"),
    "its variables are missing, cut or damaged (": lambda version: cut(data(version)),
    "its variables are missing, cut or damaged (Unsuccessful": lambda version: shutil.rmtree(version / "variables"),
}


def test_half_versions_are_found_and_set_aside(tmp_path):
    model = tf.Module()
    model.values = tf.Variable(tf.random.uniform([1000]))
    for version in range(1, 6):
        tf.saved_model.save(model, str(tmp_path / str(version)))
    for version, damage in enumerate(DAMAGES.values(), start=2):
        damage(tmp_path / str(version))
    problems = list(serving_folder.half_versions(tmp_path))
    assert [problem.where for problem in problems] == [str(tmp_path / str(version)) for version in range(2, 6)]
    for problem, said in zip(problems, DAMAGES, strict=True):
        assert problem.what.startswith(f"is half a version: {said}")
        problem.repair()
    assert list(version_folders.find(tmp_path)) == [1]
    assert len(list(tmp_path.glob("?.broken-*"))) == 4


def test_a_whole_version_that_was_not_pushed_so_is_set_aside(tmp_path):
    for version in (1, 2, 3):
        tf.saved_model.save(tf.Module(), str(tmp_path / str(version)))
    [problem] = serving_folder.half_versions(tmp_path, as_pushed={1: True, 2: False})
    assert problem.where == str(tmp_path / "2")
    assert problem.what.startswith("has other files than those that were judged and pushed")
    problem.repair()
    assert sorted(version_folders.find(tmp_path)) == [1, 3]
