"""The lock files of the images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RUNTIME = FOLDER / "requirements.lock"
GPU = FOLDER / "requirements-gpu.lock"
# Installs the packages of the other locks.
BUILD = FOLDER / "build.lock"

_PINNED = re.compile(r"^(\S+?)==(\S+)((?: \\\n    --hash=sha256:\w{64})+)$", re.M)


@dataclass(frozen=True)
class Pinned:
    """One package of a lock.

    Attributes:
        version: exact version.
        hashes: SHA-256 of each file that may be installed.
    """

    version: str
    hashes: frozenset[str]


def read(lock: Path) -> dict[str, Pinned]:
    """The packages of a lock by name."""
    return {
        name: Pinned(version=version, hashes=frozenset(re.findall(r"sha256:(\w+)", hashes)))
        for name, version, hashes in _PINNED.findall(lock.read_text())
    }


def cuda() -> dict[str, Pinned]:
    """The packages that only the GPU image has."""
    runtime = read(RUNTIME)
    return {name: pinned for name, pinned in read(GPU).items() if name not in runtime}
