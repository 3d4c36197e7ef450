"""Whether a folder is unchanged, byte for byte."""

from __future__ import annotations

from pathlib import Path

from components.storage import files
from components.storage.shared_folders import LOCK


def digest(folder: Path) -> str:
    """A hash of the names and bytes of all files below ``folder``, except the Pusher's lock."""
    below = files.files_below(folder)
    return files.digest(files.hashes({name: path for name, path in below.items() if name != LOCK}))
