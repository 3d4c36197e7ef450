"""Which query is asked of which database, as the pipeline's YAML says it and as ML Metadata stores it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, model_validator

from trainer.options import Strict

# The file, in Arrow's file format, by which rows get into the ingest.
FILE = "query.arrow"
Driver = Literal["sqlite", "postgresql", "bigquery", "snowflake"]

# ``${NAME}``, the reference to an environment variable.
VARIABLE = re.compile(r"\$\{(\w*)\}")
_ONLY_VARIABLES = re.compile(r"(?:\$\{\w+\})+")
# ``USER:PASSWORD@`` and ``password=``, wherever a driver takes them.
_PASSWORDS = (
    re.compile(r"(?:^|//)[^/@:?]*:(?!//)([^@]+)@"),
    re.compile(r"(?:password|token|secret)\w*\s*=\s*([^&\s]+)", re.IGNORECASE),
)
_SECRET_OPTION = re.compile(r"password|token|secret|private_key_\w+_value", re.IGNORECASE)


class Query(Strict):
    """A query and the database that answers it.

    Attributes:
        driver: ``sqlite``, ``postgresql``, ``bigquery`` or ``snowflake``; its ADBC driver must be installed.
        uri: where the database is, in the driver's form; for SQLite the path of its file. ``${NAME}`` stands for an
            environment variable, which is read only when the query is asked. Passwords must be such.
        query: the statement whose rows are the examples.
        options: further options of the ADBC driver by name; ``${NAME}`` as in ``uri``.
        changes: a cheap query whose rows differ when those of ``query`` do, such as ``select count(*),
            max(updated_at) from trips``; None compares all rows of ``query``.
    """

    driver: Driver
    uri: str | None = Field(default=None, min_length=1)
    query: str = Field(pattern=r"\S")
    options: Mapping[str, str] = {}
    changes: str | None = Field(default=None, pattern=r"\S")

    def references(self) -> Iterator[tuple[str, str]]:
        """The environment variables that are needed, each with the key that names it."""
        for key, text in self.places():
            yield from ((key, name) for name in VARIABLE.findall(text))

    def places(self) -> Iterator[tuple[str, str]]:
        """The texts in which variables may stand, by key."""
        if self.uri:
            yield "uri", self.uri
        yield from ((f"options.{name}", text) for name, text in self.options.items())

    @model_validator(mode="after")
    def _has_a_place(self) -> Query:
        if self.driver in ("sqlite", "postgresql") and not self.uri:
            raise ValueError(f"uri: is required for {self.driver}")
        if self.driver == "postgresql" and not re.match(r"postgres(ql)?://|\$\{\w+\}$", self.uri or ""):
            raise ValueError("uri: must begin with postgresql://, or be one ${NAME}")
        return self

    @model_validator(mode="after")
    def _holds_no_secret(self) -> Query:
        for key, name in self.references():
            if not name:
                raise ValueError(f"{key}: ${{}} names no environment variable")
        for key, text in self.places():
            if self.driver != "sqlite" and any(_is_secret(found) for found in _passwords(key, text)):
                raise ValueError(f"{key}: holds a password; set an environment variable to it and write ${{NAME}} here")
        return self


def _passwords(key: str, text: str) -> Iterator[str]:
    if key.startswith("options.") and _SECRET_OPTION.search(key):
        yield text
    elif key == "uri":
        for pattern in _PASSWORDS:
            yield from pattern.findall(text)


def _is_secret(text: str) -> bool:
    return not _ONLY_VARIABLES.fullmatch(text)
