"""Puts environment variables into a query's options, and takes them out of messages again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from components.example_gen.sql.options import VARIABLE, Query
from components.refusal import GateRefused


class Settings:
    """A driver's options with their secrets.

    Args:
        query: the options with ``${NAME}``.
        environment: the variables.

    Attributes:
        options: the driver's options by name, with every secret in them: for the driver alone.

    Raises:
        GateRefused: a variable is not set, or makes no URI of the ``uri``.
    """

    def __init__(self, query: Query, environment: Mapping[str, str]):
        for key, name in query.references():
            if not environment.get(name):
                raise GateRefused(f"data.{key}: the environment variable {name} is not set; set it where this runs.")
        self._values = {
            form: name
            for _, name in query.references()
            for form in (environment[name], quote(environment[name], safe=""))
        }
        self.options = {
            name: VARIABLE.sub(lambda found: environment[found[1]], text) for name, text in query.options.items()
        }
        if query.uri:
            self.options["uri"] = self._uri(query, query.uri, environment)

    def redacted(self, text: str) -> str:
        """``text`` with ``${NAME}`` for each variable's value."""
        values = sorted(filter(None, self._values), key=len, reverse=True)
        if not values:
            return text
        return re.sub("|".join(map(re.escape, values)), lambda found: f"${{{self._values[found[0]]}}}", text)

    def _uri(self, query: Query, text: str, environment: Mapping[str, str]) -> str:
        whole = VARIABLE.fullmatch(text)
        # A part of a URI may hold any sign; SQLite's paths are no URIs, and hold no secrets.
        plain = bool(whole) or query.driver == "sqlite"
        uri = VARIABLE.sub(
            lambda found: environment[found[1]] if plain else quote(environment[found[1]], safe=""), text
        )
        if query.driver != "sqlite":
            if "://" in uri or query.driver == "postgresql":
                _check_uri(uri)
            if whole and (password := urlsplit(uri).password):
                self._values |= {password: whole[1], unquote(password): whole[1]}
        return uri


def _check_uri(uri: str) -> None:
    """Refuse what is no URI: drivers quote the parts that they do not understand, and these may be of a password."""
    try:
        parts = urlsplit(uri)
        # Reading the port raises if it is no number.
        fits = parts.port != 0 and parts.netloc.count("@") < 2 and not re.search(r"%(?![0-9A-Fa-f]{2})", uri)
    except ValueError:
        fits = False
    if not fits:
        raise GateRefused(
            "data.uri: is no URI once its variables are put in; a user or password in it needs %XX "
            "for each of :/?#[]@%."
        )
