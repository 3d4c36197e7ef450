"""Text of unknown origin in messages: one line, no control characters, never long."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection

_LIMIT = 300
_TAIL = 90
_NAMES = 8


def one_line(text: str, *, limit: int = _LIMIT) -> str:
    """``text`` with control characters escaped, and without its middle if it has more than ``limit`` characters."""
    plain = text if text.isprintable() else "".join(map(_visible, text))
    return plain if len(plain) <= limit else f"{plain[: limit - _TAIL - 3]}...{plain[-_TAIL:]}"


def shown(value: object, *, limit: int = 60) -> str:
    """A value as Python writes it, cut off after ``limit`` characters."""
    if isinstance(value, (str, bytes)) and len(value) > limit:
        return f"{value[:limit]!r}..."
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."


def known_names(names: Collection[str], *, like: str) -> str:
    """Which names there are, for a message about the unknown name ``like``: the nearest first, a few at most."""
    near = difflib.get_close_matches(like, names, n=3)
    some = [*near, *(name for name in sorted(names) if name not in near)][:_NAMES]
    more = f" and {len(names) - len(some):,} more" if len(names) > len(some) else ""
    return (", ".join(shown(name, limit=20) for name in some) or "none") + more


def did_you_mean(names: Collection[str], *, like: str) -> str:
    """A question with the name nearest to the unknown name ``like``, to go before `known_names`; empty if none is near.

    It ends in a blank.
    """
    # Case is what is most often wrong.
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(like.casefold(), folded, n=1)
    return f"did you mean {shown(folded[near[0]], limit=40)}? " if near else ""


def _visible(character: str) -> str:
    # Control, format and separator characters but the blank: a terminal would act on them.
    hidden = unicodedata.category(character)[0] in "CZ" and character != " "
    return character.encode("unicode_escape").decode() if hidden else character
