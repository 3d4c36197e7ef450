"""ML Metadata in a MariaDB server: what a person reads who cannot use it. Whole runs are in tests/e2e."""

import socket

import pytest
from ml_metadata.proto import metadata_store_pb2

from pipeline.config.loading import ConfigError
from pipeline.config.metadata import MetadataDatabase, MetadataServer
from pipeline.running import metadata
from tests.shared.services import mariadb


@pytest.fixture(scope="module")
def server():
    with mariadb.server() as started:
        started.create("mine")
        yield started


def database(port, *, name="mine", pipeline="taxi"):
    settings = MetadataServer(
        driver="mysql", host="127.0.0.1", port=port, database=name, user=mariadb.USER, password="${METADATA_PASSWORD}"
    )
    return MetadataDatabase(server=settings, pipeline=pipeline)


def test_a_database_keeps_the_runs_of_one_pipeline(server, monkeypatch):
    monkeypatch.setenv("METADATA_PASSWORD", mariadb.PASSWORD)
    store = metadata.open_store(database(server.port))
    kind = store.put_context_type(metadata_store_pb2.ContextType(name="pipeline"))
    store.put_contexts([metadata_store_pb2.Context(type_id=kind, name="taxi")])
    assert metadata.last_run(database(server.port)) is None
    with pytest.raises(ConfigError, match=r"mine holds the runs of 'taxi'; give each pipeline its own database\.$"):
        metadata.open_store(database(server.port, pipeline="digits"))


def test_nobody_listens(monkeypatch):
    monkeypatch.setenv("METADATA_PASSWORD", mariadb.PASSWORD)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"^metadata: nothing answers at 127\.0\.0\.1:{port} "):
            metadata.open_store(database(port))


def test_the_password_is_not_set(monkeypatch):
    monkeypatch.delenv("METADATA_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match=r"^metadata\.password: the environment variable METADATA_PASSWORD is not"):
        metadata.connection_to(database(1))


@pytest.mark.parametrize(("password", "name"), [("wrong", "mine"), (mariadb.PASSWORD, "another")])
def test_the_server_takes_no_connection(server, monkeypatch, password, name):
    monkeypatch.setenv("METADATA_PASSWORD", password)
    with pytest.raises(ConfigError, match=rf"^metadata: mysql://pipeline@127.0.0.1:\d+/{name} takes no conn") as caught:
        metadata.open_store(database(server.port, name=name))
    assert password not in str(caught.value).replace("the password", "")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"driver": "postgresql"}, "cannot write a backslash to PostgreSQL"),
        ({"password": "hunter2"}, r"must be \$\{NAME\} of an environment variable"),
    ],
)
def test_settings_are_refused(given, message):
    settings = {"driver": "mysql", "host": "db", "database": "taxi", "user": "me", **given}
    with pytest.raises(ValueError, match=message) as caught:
        MetadataServer.model_validate(settings)
    assert [error["msg"] for error in caught.value.errors() if "hunter2" in error["msg"]] == []
