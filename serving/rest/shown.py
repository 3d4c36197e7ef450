"""JSON values in error messages, written as TF Serving does: indented, lists on one line, cut after 256 bytes.

Nothing more is written once there are 256 bytes, or at a number that JSON does not have; brackets stay open.
"""

from __future__ import annotations

import math
from contextlib import suppress
from decimal import Decimal
from typing import Any

_MOST_BYTES = 256
_INDENT = 4
_ESCAPES = {code: f"\\u{code:04X}" for code in range(32)} | {
    ord(char): f"\\{name}" for char, name in zip('"\\\b\f\n\r\t', '"\\bfnrt', strict=True)
}


def shown(value: Any) -> str:
    """A parsed JSON value as TF Serving's ``JsonValueToDebugString`` writes it (util/json_tensor.cc)."""
    writer = _Writer()
    with suppress(_Full):
        writer.write(value, "", 0)
    return "".join(writer.parts)


def is_integer(value: float) -> bool:
    """Whether TF Serving's parser takes a number for an integer; beyond 64 bits it is a decimal."""
    return isinstance(value, int) and -(2**63) <= value < 2**64


class _Full(Exception):
    pass


class _Writer:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self._size = 0

    def write(self, value: Any, before: str, level: int) -> None:
        if isinstance(value, list):
            self._token(f"{before}[")
            for index, item in enumerate(value):
                self.write(item, ", " if index else "", level + 1)
            self._token("]")
        elif isinstance(value, dict):
            self._token(f"{before}{{")
            for index, (key, item) in enumerate(value.items()):
                self._token(f"{',' if index else ''}\n{' ' * _INDENT * (level + 1)}{_quoted(key)}")
                self.write(item, ": ", level + 1)
            self._token(f"\n{' ' * _INDENT * level}}}" if value else "}")
        else:
            text = _plain(value)
            self._token(before + text)
            if not text:
                raise _Full

    def _token(self, text: str) -> None:
        if self._size >= _MOST_BYTES:
            raise _Full
        self.parts.append(text)
        self._size += len(text.encode("utf-8", "surrogateescape"))


def _plain(value: Any) -> str:
    """A value that is neither a list nor an object; empty for a number that cannot be written."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    return str(value) if is_integer(value) else _double(float(value))


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'


def _double(value: float) -> str:
    """The shortest decimal number, as RapidJSON's ``Prettify`` places its point (internal/dtoa.h)."""
    if not math.isfinite(value):
        return ""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int), "only numbers that are not finite have a text here"
    text, minus = "".join(map(str, digits)), "-" if sign else ""
    point = len(text) + exponent
    if not value:
        return f"{minus}0.0"
    if exponent >= 0 and point <= 21:
        return f"{minus}{text}{'0' * exponent}.0"
    if 0 < point <= 21:
        return f"{minus}{text[:point]}.{text[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    return f"{minus}{text[0]}{'.' + text[1:] if len(text) > 1 else ''}e{point - 1}"
