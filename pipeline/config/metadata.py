"""Where ML Metadata is, if not in a file of the run folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from trainer.parameters import Strict

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _reference(text: str) -> str:
    # The message has no part of it: it may be the password.
    if not _VARIABLE.fullmatch(text):
        raise ValueError("must be ${NAME} of an environment variable that holds the password")
    return text


class MetadataServer(Strict):
    """A database server for ML Metadata.

    Attributes:
        driver: ``mysql``, for MySQL and MariaDB.
        host: the server's name or address.
        port: its port.
        database: a database that exists and holds the metadata of this pipeline alone.
        user: who may create tables in it.
        password: ``${NAME}`` of the environment variable that holds the password, which is read only when the server is
            asked; None sends none.
    """

    driver: Literal["mysql"]
    host: str = Field(min_length=1)
    port: int = Field(default=3306, ge=1, le=65535)
    database: str = Field(min_length=1)
    user: str = Field(min_length=1)
    password: Annotated[str, AfterValidator(_reference)] | None = Field(default=None, repr=False)

    @field_validator("driver", mode="before")
    @classmethod
    def _can_hold_what_tfx_writes(cls, driver: object) -> object:
        # ML Metadata takes libpq's E'...' of a text with a backslash for '...', and PostgreSQL refuses the statement.
        if driver == "postgresql":
            raise ValueError("ML Metadata cannot write a backslash to PostgreSQL, and TFX's JSON has some; use mysql")
        return driver

    @property
    def password_variable(self) -> str | None:
        """The environment variable that holds the password."""
        return self.password[2:-1] if self.password else None


@dataclass(frozen=True, kw_only=True)
class MetadataDatabase:
    """The metadata of a pipeline in a server, as a path is that in a file.

    Attributes:
        server: where it is.
        pipeline: the name of the pipeline that it must belong to.
    """

    server: MetadataServer
    pipeline: str

    def __str__(self) -> str:
        server = self.server
        return f"mysql://{server.user}@{server.host}:{server.port}/{server.database}"

    def exists(self) -> bool:
        """Whether there may be metadata to read."""
        return True
