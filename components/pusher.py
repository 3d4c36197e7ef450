"""Pusher: puts a blessed model into the serving folder, whole or not at all.

The standard Pusher copies inside the version folder (a model server sees it half-made, and a kill leaves a
broken newest version), skips the second push within a second but marks it pushed, and returns normally when
the model was not blessed.
"""

import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from tfx.components.evaluator import constants
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components import infra_blessing as infra
from components.refusal import GateRefused
from serving import version_folders
from serving.models.warmup import WARMUP_FILE

# TF Serving parses the names of version folders as integers and ignores all others.
_STAGE_PREFIX = ".stage-"
# Names the model that a PushedModel artifact is about.
MODEL_ID_PROPERTY = "model_id"


@component
def Pusher(  # noqa: N802 (TFX names components as classes)
    model: InputArtifact[standard_artifacts.Model],
    model_blessing: InputArtifact[standard_artifacts.ModelBlessing],
    infra_blessing: InputArtifact[standard_artifacts.InfraBlessing],
    pushed_model: OutputArtifact[standard_artifacts.PushedModel],
    base_directory: Parameter[str],
) -> None:
    """Push the model if both gates blessed it.

    Args:
        model: from the Trainer.
        model_blessing: the Evaluator's verdict.
        infra_blessing: the InfraValidator's verdict, and its warm-up file.
        pushed_model: marked with model, destination and version; ``newly_pushed`` is 0 where the newest version already
            holds the same files.
        base_directory: the serving folder of this model; versions are its children.

    Raises:
        GateRefused: a blessing is missing; the serving folder is unchanged.
    """
    if model_blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) != constants.BLESSED_VALUE:
        raise GateRefused("the Evaluator did not bless the model")
    if not infra.is_blessed(infra_blessing):
        raise GateRefused(infra.reason(infra_blessing))
    source = Path(path_utils.serving_model_path(model.uri))
    warmup = Path(infra_blessing.uri) / WARMUP_FILE
    version, new = push(source=source, base_directory=Path(base_directory), warmup=warmup if warmup.exists() else None)
    pushed_model.set_int_custom_property("pushed", 1)
    pushed_model.set_int_custom_property(MODEL_ID_PROPERTY, model.id)
    pushed_model.set_int_custom_property("newly_pushed", int(new))
    pushed_model.set_string_custom_property("pushed_destination", str(Path(base_directory) / str(version)))
    pushed_model.set_string_custom_property("pushed_version", str(version))


def push(*, source: Path, base_directory: Path, warmup: Path | None = None) -> tuple[int, bool]:
    """Copy ``source`` beside the versions, sync it to disk, and rename it to a new, higher version.

    A reader sees the version whole or not at all; a kill at any point leaves the former versions untouched
    and at most a stage folder, which the next push removes.

    Args:
        source: a SavedModel.
        base_directory: the serving folder; created where it does not exist.
        warmup: a warm-up file for the version; a model that brings its own keeps it.

    Returns:
        The version, and whether it is new: a model equal to the newest version is not pushed again. Its warm-up file
        does not count, since other examples make no other model.
    """
    base_directory.mkdir(parents=True, exist_ok=True)
    with _locked(base_directory):
        for stale in base_directory.glob(f"{_STAGE_PREFIX}*"):
            shutil.rmtree(stale)
        folders = version_folders.find(base_directory)
        newest = max(folders, default=0)
        if newest and _model_digest(folders[newest]) == _model_digest(source):
            return newest, False
        stage = base_directory / f"{_STAGE_PREFIX}{uuid.uuid4().hex}"
        shutil.copytree(source, stage)
        if warmup and not (stage / WARMUP_FILE).exists():
            (stage / WARMUP_FILE).parent.mkdir(exist_ok=True)
            shutil.copyfile(warmup, stage / WARMUP_FILE)
        for path in [*stage.rglob("*"), stage]:
            _sync(path)
        version = max(int(time.time()), newest + 1)
        stage.rename(base_directory / str(version))
        _sync(base_directory)
    return version, True


def digest(folder: Path, *, without: Collection[str] = ()) -> str:
    """SHA-256 over the names and bytes of all files below ``folder``, but for those named in ``without``."""
    left_out = {folder / name for name in without}
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path not in left_out):
        total.update(str(path.relative_to(folder)).encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _model_digest(version: Path) -> str:
    return digest(version, without=[WARMUP_FILE])


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One push at a time: an advisory lock on the folder itself, so that no lock file lies in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
