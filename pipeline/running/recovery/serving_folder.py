"""A serving folder in which a push would fail, or a model server would load half a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from components.storage.shared_folders import LOCK
from pipeline.running.recovery.problems import Problem
from serving.versions import version_folders

KIND = "serving"
_LARGEST = 2**63 - 1


def obstacles(folder: Path) -> Iterator[Problem]:
    """What a push cannot get past."""
    if folder.exists() and not folder.is_dir():
        yield Problem(kind=KIND, where=str(folder), what="is a file, not the serving folder", fix="move it away")
        return
    lock = folder / LOCK
    if lock.is_dir():
        yield _aside(lock, "is a folder, and a push locks a file of this name")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        version = version_folders.number(path.name)
        if version is not None and not path.is_dir():
            yield _aside(path, "is a file with a version's name")
        elif version == _LARGEST:
            yield Problem(
                kind=KIND,
                where=str(path),
                what="is the highest version that there can be: a push needs a higher one",
                fix="give the folder a lower number, and restart what serves it",
            )


def half_versions(folder: Path, *, as_pushed: Mapping[int, bool] | None = None) -> Iterator[Problem]:
    """Versions that no model server can load, or that no gate has judged. Imports TensorFlow if it has to look.

    Args:
        folder: the serving folder.
        as_pushed: whether a version has the files that were pushed, of those where that is known.
    """
    known = as_pushed or {}
    for version, path in sorted(version_folders.find(folder).items()) if folder.is_dir() else ():
        if known.get(version):
            continue
        if problem := unloadable(path):
            yield _aside(path, f"is half a version: {problem}")
        elif version in known:
            yield _aside(path, "has other files than those that were judged and pushed: some were changed since")


def unloadable(folder: Path) -> str | None:
    """Why the files are no whole SavedModel; None if they are."""
    if not (folder / "saved_model.pb").is_file():
        return "it has no saved_model.pb"
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    try:
        if not SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs:
            return "its saved_model.pb is empty"
        # Each tensor has a checksum.
        reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except DecodeError:
        return "its saved_model.pb is cut or damaged"
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        return f"its variables are missing, cut or damaged ({' '.join(str(error).split())[:100]})"
    return None


def _aside(path: Path, what: str) -> Problem:
    return Problem(
        kind=KIND, where=str(path), what=what, fix="rename it, so that servers ignore it", repair=_SetAside(path)
    )


@dataclass(frozen=True)
class _SetAside:
    path: Path

    def __call__(self) -> None:
        self.path.rename(self.path.with_name(f"{self.path.name}.broken-{datetime.now():%Y%m%d-%H%M%S}"))
