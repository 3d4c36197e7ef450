"""One project with one first run, which all whole pipelines share: what is refused must leave what is served alone."""

from __future__ import annotations

import pytest

from tests.e2e.projects.project import Outcome, Project, network_can_be_cut


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def first(project) -> Outcome:
    """The first run, cut off from the network where the machine allows it."""
    outcome = project.run(offline=network_can_be_cut())
    assert outcome.code == 0, outcome.err
    return outcome
