"""What the tests of init share."""

import pytest

from tests.pipeline.init.tables import Project


@pytest.fixture
def project(tmp_path, monkeypatch, capfd) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, capfd)
