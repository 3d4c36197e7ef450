"""ML Metadata in MySQL or MariaDB: how to connect, and what is wrong where nobody can."""

from __future__ import annotations

import os
import socket

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from pipeline.config.loading import ConfigError
from pipeline.config.metadata import MetadataDatabase, MetadataServer

_SECONDS = 10.0
_PIPELINE_CONTEXT = "pipeline"


def connection(database: MetadataDatabase) -> metadata_store_pb2.ConnectionConfig:
    """ML Metadata's form of a server.

    Raises:
        ConfigError: the password's environment variable is not set.
    """
    server = database.server
    config = metadata_store_pb2.ConnectionConfig()
    config.mysql.host, config.mysql.port = server.host, server.port
    config.mysql.user, config.mysql.password = server.user, _password(server)
    config.mysql.database = server.database
    return config


def connect(database: MetadataDatabase) -> MetadataStore:
    """The metadata in a server; the first connection creates the tables.

    Raises:
        ConfigError: nothing answers there, it takes no connection, or it holds the metadata of another pipeline.
    """
    settings, server = connection(database), database.server
    try:
        # ML Metadata would wait for minutes where nothing answers.
        socket.create_connection((server.host, server.port), timeout=_SECONDS).close()
    except OSError as error:
        raise ConfigError(f"metadata: nothing answers at {server.host}:{server.port} ({error}).") from None
    try:
        store = MetadataStore(settings)
    except Exception:
        # Of a wrong password ML Metadata says only that there is an error.
        raise ConfigError(
            f"metadata: {database} takes no connection; check that the database exists, the user may create tables in "
            "it, the password, and that the server allows mysql_native_password."
        ) from None
    others = sorted({context.name for context in store.get_contexts_by_type(_PIPELINE_CONTEXT)} - {database.pipeline})
    if others:
        raise ConfigError(f"metadata: {database} holds the runs of {others[0]!r}; give each pipeline its own database.")
    return store


def _password(server: MetadataServer) -> str:
    variable = server.password_variable
    if variable is None:
        return ""
    if not os.environ.get(variable):
        raise ConfigError(f"metadata.password: the environment variable {variable} is not set; set it where this runs.")
    return os.environ[variable]
