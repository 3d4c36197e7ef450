"""What a folder holds: its files, their hashes, and how it differs from what it held before."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter

# The size in bytes and the MD5 of each file, by its path in the folder.
Manifest = dict[str, tuple[int, str]]
MANIFEST: TypeAdapter[Manifest] = TypeAdapter(Manifest)


def md5(file: Path) -> str:
    """The MD5 of a file, in base64 as Google Cloud Storage writes it."""
    with file.open("rb") as stream:
        return _base64(hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).digest())


def md5_of(content: bytes) -> str:
    """Like `md5`, of bytes."""
    return _base64(hashlib.md5(content, usedforsecurity=False).digest())


def files_below(folder: Path) -> dict[str, Path]:
    """All files below ``folder``, by relative path."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """The MD5 of each file."""
    return {name: md5(file) for name, file in files.items()}


def digest(md5s: Mapping[str, str]) -> str:
    """One hash of all names and contents, from the result of `hashes`."""
    return hashlib.sha256(json.dumps(md5s, sort_keys=True).encode()).hexdigest()


def manifest(folder: Path) -> Manifest:
    """What is below ``folder`` now."""
    return {name: (file.stat().st_size, md5(file)) for name, file in files_below(folder).items()}


def difference(folder: Path, wanted: Manifest) -> str | None:
    """The first file that is not as it was, in words; None if all are.

    Sizes are compared before contents are read.
    """
    found = files_below(folder)
    for name, (size, _) in wanted.items():
        if name not in found:
            return f"{name} is missing"
        if found[name].stat().st_size != size:
            return f"{name} has {found[name].stat().st_size:,} bytes, not {size:,}"
    if new := found.keys() - wanted.keys():
        return f"{min(new)} is new"
    changed = (name for name, (_, hashed) in wanted.items() if md5(found[name]) != hashed)
    return next((f"{name} has changed" for name in changed), None)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
