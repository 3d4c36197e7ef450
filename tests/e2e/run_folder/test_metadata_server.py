"""A pipeline whose metadata are in a MariaDB server, through the command line."""

import pytest

from tests.e2e.projects.small import SmallProject
from tests.shared.services import mariadb

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

SECTION = """\
metadata:
  {{driver: mysql, host: 127.0.0.1, port: {port}, database: small, user: {user}, password: "${{METADATA_PASSWORD}}"}}
"""


@pytest.fixture(scope="module")
def server():
    with mariadb.server() as started:
        started.create("small")
        yield started


@pytest.fixture(scope="module")
def project(server, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METADATA_PASSWORD", mariadb.PASSWORD)
        project = SmallProject(tmp_path_factory.mktemp("project"))
        with (project.folder / "configs" / "small.yaml").open("a") as config:
            config.write(SECTION.format(port=server.port, user=mariadb.USER))
        yield project


@pytest.fixture(scope="module")
def first(project):
    outcome = project.run()
    assert outcome.code == 0, outcome.err
    return outcome


def test_the_next_run_knows_the_first(project, first):
    again = project.run()
    assert again.code == 0, again.err
    assert again.nodes()["Trainer"] == "="
    [version] = project.versions()
    assert f"version {version}" in project.other("lineage").out
    assert not (project.run_folder / "metadata.sqlite").exists()
    assert project.other("doctor").code == 0


def test_the_password_is_in_no_file_and_no_output(project, first):
    secret = mariadb.PASSWORD.encode()
    files = [path for path in project.run_folder.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if secret in path.read_bytes()] == []
    assert mariadb.PASSWORD not in first.out + first.err


def test_a_lost_database_does_not_pass_for_a_first_run(project, first, server):
    before = project.served()
    server.create("small")
    outcome = project.run()
    assert outcome.code == 2
    assert outcome.err.endswith(
        "/small knows no run; restore its backup, or start over with `python -m pipeline clean`.\n"
    )
    assert project.other("doctor", "--repair").code == 3
    assert project.served() == before
    assert project.other("clean").code == 0
    assert project.run().code == 0
