"""What all tests share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.shared.models.small_model import SmallModel

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("NO_GCE_CHECK", "true")


# A module whose tests all import TensorFlow.
_TENSORFLOW = re.compile(r"^pytestmark = (pytest|\[[^\]]*pytest)\.mark\.tensorflow\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m "not tensorflow"`` such modules are not even imported: that takes longer than all the other tests."""
    if "not tensorflow" not in config.option.markexpr:
        return None
    modules = [*collection_path.rglob("test_*.py")] if collection_path.is_dir() else []
    if collection_path.match("test_*.py"):
        modules = [collection_path]
    ignored = modules and all(_TENSORFLOW.search(module.read_text()) for module in modules)
    return True if ignored else None


class _ByFile(LoadScopeScheduling):
    """A file's tests run on one worker, and so do all whole pipelines, which share a project."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "e2e" if path.startswith("tests/e2e/") else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker waits for the other at the end."""

    def place(item: pytest.Item) -> int:
        if item.nodeid.startswith(("tests/e2e/", "tests/kubeflow/test_")):
            return 0
        return 1 if item.get_closest_marker("tensorflow") else 2

    items.sort(key=place)


@pytest.fixture
def taxi_config() -> Path:
    """The configuration that ships with the project, as people name it: messages, which are short, begin with it."""
    return Path("configs/taxi.yaml")


@pytest.fixture(autouse=True)
def _in_project_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths in the shipped configs are relative to the project."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from tests.shared import browser as chromium

    with chromium.opened() as found:
        yield found


@pytest.fixture(scope="session")
def small_model(tmp_path_factory) -> SmallModel:
    """Analyses, transforms, trains and exports for real, on 300 rows."""
    import tensorflow as tf

    from tests.shared.models import exports
    from tests.shared.models.small_model import PARAMETERS, RAW_SPEC_TYPES, SmallModel, make_rows

    folder = tmp_path_factory.mktemp("small_model")
    rows = make_rows(300)
    optional = {"kind", "hour"}
    spec = {
        name: tf.io.VarLenFeature(kind) if name in optional else tf.io.FixedLenFeature([1], kind)
        for name, kind in RAW_SPEC_TYPES.items()
    }
    exports.make(rows, spec, PARAMETERS, folder)
    return SmallModel(rows, folder / "saved_model", folder / "model.keras", folder / "transform")


@pytest.fixture(scope="session")
def transformed(tmp_path_factory) -> Path:
    """The Transform component's output on 300 rows, and a schema's folder: the inputs of a `distributed.make_job`."""
    from tests.shared.models.transformed import write_data

    folder = tmp_path_factory.mktemp("transformed")
    write_data(folder)
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.pbtxt").touch()
    return folder


@pytest.fixture(scope="session")
def alone(transformed, tmp_path_factory) -> Path:
    """What one process makes of `distributed.make_job`: the folders ``model`` and ``model_run``."""
    import keras

    from tests.trainer.distribution.jobs import make_job
    from trainer.run_fn import run_fn

    out = tmp_path_factory.mktemp("alone")
    run_fn(make_job(transformed, out).fn_args())
    keras.utils.clear_session()
    return out
