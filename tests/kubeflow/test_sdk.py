"""The Kubeflow SDK of PyPI has the same name as our package: both can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    """A folder with a regular package like that of the SDK."""
    trainer = tmp_path / "kubeflow" / "trainer"
    trainer.mkdir(parents=True)
    (tmp_path / "kubeflow" / "__init__.py").write_text('__version__ = "0.5.0"\n')
    (tmp_path / "kubeflow" / "common.py").write_text("KIND = 'sdk'\n")
    (trainer / "__init__.py").write_text("from kubeflow.common import KIND\n")
    return tmp_path


@pytest.mark.parametrize("modules", ["kubeflow.trainer, kubeflow.cli", "kubeflow.cli, kubeflow.trainer"])
def test_the_modules_of_both_can_be_imported(sdk, modules):
    program = f"import {modules}; print(kubeflow.trainer.KIND, kubeflow.cli.__file__)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(sdk)])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=sdk.parent, capture_output=True, text=True
    )
    assert done.stdout == f"sdk {ROOT / 'kubeflow' / 'cli.py'}\n", done.stderr


def test_the_command_runs_beside_the_sdk(sdk):
    environment = {**os.environ, "PYTHONPATH": str(sdk)}
    command = [sys.executable, "-m", "kubeflow", "--help"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("usage: python -m kubeflow"), done.stderr
