"""JSON as TF Serving's parser reads it: RapidJSON 1.1.0, iterative, with NaN and Inf, done after the first value.

Python's own parser reads what both understand in the same way; the rest, and every error, is for the rules of
include/rapidjson/reader.h, whose texts and offsets the client gets.
"""

from __future__ import annotations

import json
import re
from typing import Any

_BOM = b"\xef\xbb\xbf"
_DECODER = json.JSONDecoder()
# What Python reads, but otherwise: numbers that overflow, and halves of surrogate pairs.
_UNUSUAL = re.compile(
    rb"[eE]\+?[0-9]{3}|[0-9]{309}"
    rb"|\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]",
    re.DOTALL,
)
_SPACE = re.compile(rb"[ \t\n\r]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_WHOLE = re.compile(rb"0|[1-9][0-9]*")
_DIGITS = re.compile(rb"[0-9]+")
_HEX = re.compile(rb"[0-9a-fA-F]{4}")
_ESCAPES = {b'"': b'"', b"/": b"/", b"\\": b"\\", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_LITERALS = {b"t": (b"true", True), b"f": (b"false", False), b"n": (b"null", None)}
_TENTH_OF_MAX = 1.7976931348623157e307
_MAX_EXPONENT = 308


class ParseError(ValueError):
    """A text that is not JSON; the message is RapidJSON's, with the offset in bytes."""

    def __init__(self, what: str, offset: int):
        super().__init__(f"{what} at offset: {offset}")


def parse(text: bytes) -> Any:
    """The first JSON value in ``text``; what follows it is ignored.

    Strings may hold any bytes; those that are not UTF-8 are kept as ``surrogateescape`` does.

    Raises:
        ParseError: there is none.
    """
    if not _UNUSUAL.search(text):
        plain = text.removeprefix(_BOM).decode("utf-8", "surrogateescape")
        try:
            return _DECODER.raw_decode(plain, len(plain) - len(plain.lstrip(" \t\n\r")))[0]
        except (ValueError, RecursionError):
            pass
    return _Reader(text).document()


class _Reader:
    """One pass over a text, with a stack instead of recursion."""

    def __init__(self, text: bytes):
        self._text = text
        self._at = len(_BOM) if text.startswith(_BOM) else 0

    def document(self) -> Any:
        if self._peek() in (b"", b"]", b"}", b",", b":"):
            raise self._error("The document is empty.")
        root: list[Any] = []
        # Open lists and objects, and the key that waits for its value in each object.
        stack: list[tuple[list | dict, str]] = [(root, "")]
        self._value(stack)
        while len(stack) > 1:
            container, _ = stack[-1]
            if isinstance(container, list):
                self._element(container, stack)
            else:
                self._member(container, stack)
        return root[0]

    def _element(self, container: list, stack: list) -> None:
        char = self._peek()
        if char == b"]":
            self._close(stack)
            return
        if container:
            if char != b",":
                raise self._error("Missing a comma or ']' after an array element.")
            self._at += 1
        if self._peek() in (b"", b"]", b"}", b",", b":"):
            raise self._error("Invalid value.")
        self._value(stack)

    def _member(self, container: dict, stack: list) -> None:
        char = self._peek()
        if char == b"}":
            self._close(stack)
            return
        if stack[-1][1] is not None:
            if char != b",":
                raise self._error("Missing a comma or '}' after an object member.")
            self._at += 1
            char = self._peek()
        if char != b'"':
            raise self._error("Missing a name for object member.")
        stack[-1] = (container, self._string())
        if self._peek() != b":":
            raise self._error("Missing a colon after a name of object member.")
        self._at += 1
        if self._peek() in (b"", b"]", b"}", b",", b":"):
            raise self._error("Invalid value.")
        self._value(stack)

    def _close(self, stack: list) -> None:
        self._at += 1
        stack.pop()

    def _value(self, stack: list) -> None:
        """Read a plain value into the innermost container, or open another one in it."""
        char = self._peek()
        if char in (b"[", b"{"):
            self._at += 1
            opened: list | dict = [] if char == b"[" else {}
            _put(stack, opened)
            stack.append((opened, None))
        elif char == b'"':
            _put(stack, self._string())
        elif char in _LITERALS:
            _put(stack, self._literal(*_LITERALS[char]))
        else:
            _put(stack, self._number())

    def _literal(self, word: bytes, value: Any) -> Any:
        self._follow(word)
        return value

    def _follow(self, word: bytes) -> None:
        for char in word:
            if self._text[self._at : self._at + 1] != bytes([char]):
                raise self._error("Invalid value.")
            self._at += 1

    def _string(self) -> str:
        self._at += 1
        parts = []
        while True:
            plain = _PLAIN.match(self._text, self._at)
            assert plain is not None, "the pattern matches the empty text, too"
            parts.append(plain[0])
            self._at = plain.end()
            char = self._char()
            if char == b'"':
                self._at += 1
                return b"".join(parts).decode("utf-8", "surrogateescape")
            if char in (b"", b"\x00"):
                raise self._error("Missing a closing quotation mark in string.")
            if char != b"\\":
                raise self._error("Invalid escape character in string.")
            parts.append(self._escape())

    def _escape(self) -> bytes:
        start = self._at
        self._at += 1
        char = self._char()
        if char in _ESCAPES:
            self._at += 1
            return _ESCAPES[char]
        if char != b"u":
            raise ParseError("Invalid escape character in string.", start)
        self._at += 1
        code = self._hex(start)
        if 0xD800 <= code <= 0xDBFF:
            if self._text[self._at : self._at + 2] != b"\\u":
                raise ParseError("The surrogate pair in string is invalid.", start)
            self._at += 2
            low = self._hex(start)
            if not 0xDC00 <= low <= 0xDFFF:
                raise ParseError("The surrogate pair in string is invalid.", start)
            code = ((code - 0xD800) << 10 | (low - 0xDC00)) + 0x10000
        # The lower half of a pair alone is encoded like any other number.
        return chr(code).encode("utf-8", "surrogatepass")

    def _hex(self, start: int) -> int:
        digits = _HEX.match(self._text, self._at)
        if digits is None:
            raise ParseError("Incorrect hex digit after \\u escape in string.", start)
        self._at = digits.end()
        return int(digits[0], 16)

    def _number(self) -> float:
        start = self._at
        negative = self._char() == b"-"
        self._at += negative
        if self._char() in (b"N", b"I"):
            return self._none(negative)
        whole = _WHOLE.match(self._text, self._at)
        if whole is None:
            raise self._error("Invalid value.")
        self._at = whole.end()
        if len(whole[0]) > _MAX_EXPONENT and int(whole[0][: _MAX_EXPONENT + 1]) // 10 >= _TENTH_OF_MAX:
            raise ParseError("Number too big to be stored in double.", start)
        fraction = self._digits_after(b".", "Miss fraction part in number.")
        exponent = self._exponent(start, len(fraction))
        text = self._text[start : self._at]
        return float(text) if fraction or exponent else int(text)

    def _exponent(self, start: int, fraction_digits: int) -> bytes:
        if self._char() not in (b"e", b"E"):
            return b""
        self._at += 1
        sign = self._char()
        self._at += sign in (b"+", b"-")
        digits = self._digits("Miss exponent in number.")
        if sign != b"-" and int(digits[:20]) > _MAX_EXPONENT + fraction_digits:
            raise ParseError("Number too big to be stored in double.", start)
        return digits

    def _digits_after(self, mark: bytes, missing: str) -> bytes:
        if self._char() != mark:
            return b""
        self._at += 1
        return self._digits(missing)

    def _digits(self, missing: str) -> bytes:
        digits = _DIGITS.match(self._text, self._at)
        if digits is None:
            raise self._error(missing)
        self._at = digits.end()
        return digits[0]

    def _none(self, negative: bool) -> float:
        """NaN, Inf or Infinity."""
        if self._char() == b"N":
            self._follow(b"NaN")
            return float("nan")
        self._follow(b"Inf")
        if self._char() == b"i":
            self._follow(b"inity")
        return float("-inf" if negative else "inf")

    def _char(self) -> bytes:
        return self._text[self._at : self._at + 1]

    def _peek(self) -> bytes:
        """The next character that is not white space; none at the end, which a NUL is, too."""
        space = _SPACE.match(self._text, self._at)
        assert space is not None, "the pattern matches the empty text, too"
        self._at = space.end()
        char = self._char()
        return b"" if char == b"\x00" else char

    def _error(self, what: str) -> ParseError:
        return ParseError(what, self._at)


def _put(stack: list, value: Any) -> None:
    container, key = stack[-1]
    if isinstance(container, list):
        container.append(value)
    else:
        container[key] = value
