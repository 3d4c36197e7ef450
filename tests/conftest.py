"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("NO_GCE_CHECK", "true")


@pytest.fixture
def taxi_config() -> Path:
    """The configuration that ships with the project."""
    return ROOT / "configs" / "taxi.yaml"


@pytest.fixture(autouse=True)
def _in_project_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths in the shipped configs are relative to the project."""
    monkeypatch.chdir(ROOT)
