"""Shared by the tests of the server: small models with known answers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def half_plus(tmp_path_factory):
    """A function that puts a SavedModel, y = 0.5 x + constant, into a version's folder."""
    from tests.conformance.models import export_tf1

    made = {}

    def put(folder: Path, *, constant: float = 2.0) -> Path:
        if constant not in made:
            made[constant] = tmp_path_factory.mktemp("half_plus") / "model"
            export_tf1(made[constant], constant=constant)
        staged = folder.with_name(f".stage-{folder.name}")
        shutil.copytree(made[constant], staged)
        return staged.rename(folder)

    return put


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory):
    """A base path with one version of a model whose requests set how long it loops."""
    import tensorflow as tf

    from tests.conformance.several import Slow

    folder = tmp_path_factory.mktemp("slow") / "m"
    slow = Slow()
    tf.saved_model.save(slow, str(folder / "1"), signatures={"serving_default": slow.loop})
    return folder
