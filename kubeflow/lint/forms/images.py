"""Image references: the grammar of github.com/distribution/reference (reference.go, regexp.go)."""

from __future__ import annotations

import re

_COMPONENT = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_COMPONENT}(?:\.{_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"(?:{_DOMAIN}/)?{_PATH}(?:/{_PATH})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST_NAME = 255


def reference_problem(image: str) -> tuple[str, str] | None:
    """Why ``image`` is no reference, and the remedy; None if it is one."""
    if "://" in image:
        return "begins with a scheme", f"write {image.partition('://')[2]}"
    rest, at, digest = image.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return (
            f"has the digest {digest!r}, and not sha256: and 64 hexadecimal digits",
            "copy the one that the push printed",
        )
    # A colon before the last slash belongs to the port.
    folder, slash, last = rest.rpartition("/")
    leaf, colon, tag = last.partition(":")
    if colon and not _TAG.fullmatch(tag):
        return f"has the tag {tag!r}", "use at most 128 letters, digits, '_', '.' and '-'"
    name = f"{folder}{slash}{leaf}"
    if len(name) > _LONGEST_NAME:
        return f"has a name of {len(name)} characters", f"use at most {_LONGEST_NAME}"
    if _NAME.fullmatch(name):
        return None
    if _NAME.fullmatch(name.lower()):
        return "has capitals in its name", f"write {name.lower()}{rest[len(name) :]}{at}{digest}"
    return "is no NAME[:TAG][@DIGEST]", "write it as HOST/FOLDER/NAME@sha256:..., in lower-case letters"
