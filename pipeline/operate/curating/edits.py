"""Edits of a schema's text: entries that changed are rewritten, everything else stays as a person wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

_TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{}<>]|[\w.]+|.""", re.DOTALL)
# What follows an entry on its line.
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?\n")
_NAMED = ("feature", "string_domain")


class NotEditable(Exception):
    """The text is written in a way that cannot be edited entry by entry."""


@dataclass(frozen=True)
class _Block:
    """An entry of the text: where it is, and what it is called."""

    start: int
    end: int
    field: str
    name: str


def edited(text: str, after: schema_pb2.Schema) -> str:
    """The text, so that it says ``after``.

    Args:
        text: a schema in protobuf's text format. Comments inside an entry that changed are lost.
        after: what it is to say.

    Raises:
        NotEditable: the text lists entries in brackets, or the result would say something else.
    """
    before = text_format.Parse(text, schema_pb2.Schema())
    blocks = list(_blocks(text))
    result = text
    # From the end, so that earlier places stay where they are.
    for block in reversed(blocks):
        was, now = _entry(before, block.field, block.name), _entry(after, block.field, block.name)
        if now is None:
            rest = _REST.match(text, block.end)
            result = result[: block.start] + result[rest.end() if rest else block.end :]
        elif was != now:
            result = result[: block.start] + _text(block.field, now).rstrip("\n") + result[block.end :]
    known = {(block.field, block.name) for block in blocks}
    added = "".join(
        _text(field, entry) for field in _NAMED for entry in getattr(after, field) if (field, entry.name) not in known
    )
    result = result if result.endswith("\n") or not result else f"{result}\n"
    result += added
    if not _same(text_format.Parse(result, schema_pb2.Schema()), after):
        raise NotEditable
    return result


def _blocks(text: str) -> Iterator[_Block]:
    """The features and domains of the text, in order."""
    depth, start, field = 0, 0, ""
    for token in _TOKEN.finditer(text):
        word = token[0]
        if depth == 0 and re.match(r"\w", word):
            start, field = token.start(), word
        elif depth == 0 and word == "[" and field in _NAMED:
            raise NotEditable
        elif word in "{<":
            depth += 1
        elif word in "}>":
            depth -= 1
            if depth == 0 and field in _NAMED:
                entry = getattr(text_format.Parse(text[start : token.end()], schema_pb2.Schema()), field)[0]
                yield _Block(start, token.end(), field, entry.name)


def _entry(schema: schema_pb2.Schema, field: str, name: str) -> schema_pb2.Feature | schema_pb2.StringDomain | None:
    return next((entry for entry in getattr(schema, field) if entry.name == name), None)


def _text(field: str, entry: schema_pb2.Feature | schema_pb2.StringDomain) -> str:
    alone = schema_pb2.Schema()
    getattr(alone, field).append(entry)
    return text_format.MessageToString(alone, as_utf8=True)


def _same(one: schema_pb2.Schema, other: schema_pb2.Schema) -> bool:
    """Whether two schemas differ in the order of their entries at most."""
    return all(sorted(map(str, getattr(one, field))) == sorted(map(str, getattr(other, field))) for field in _NAMED)
