"""Pusher: puts a blessed model into the serving folder, completely or not at all.

The standard Pusher copies inside the version folder (a model server sees it half-made, and a kill leaves a
broken newest version), skips the second of two pushes within one second but marks it pushed, and returns
normally if the model was not blessed.
"""

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tfx.components.evaluator import constants
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.annotations import InputArtifact, OptionalInputArtifact, OutputArtifact, Parameter
from components.gates import infra_blessing as infra
from components.gates.judged import judged_digest, model_digest
from components.push import bucket_push
from components.push.bucket_push import CHANGED
from components.push.champion_store import EVALUATION, PROFILE, STATISTICS, keep
from components.pushed_model import DIGEST_PROPERTY, MODEL_ID_PROPERTY, VERSION_PROPERTY
from components.refusal import GateRefused
from components.storage.buckets import SCHEME, BucketFolder
from components.storage.files import files_below
from components.storage.shared_folders import LOCK, STAGE_PREFIX, sync
from serving.inference.warmup import WARMUP_FILE
from serving.versions import version_folders

# TF Serving opens it first and does not take a folder without it for a model.
SAVED_MODEL = "saved_model.pb"


@component
def Pusher(  # noqa: N802 (TFX names components as classes)
    model: InputArtifact[standard_artifacts.Model],
    model_blessing: InputArtifact[standard_artifacts.ModelBlessing],
    infra_blessing: InputArtifact[standard_artifacts.InfraBlessing],
    pushed_model: OutputArtifact[standard_artifacts.PushedModel],
    base_directory: Parameter[str],
    champion: Parameter[str] = "",
    statistics: OptionalInputArtifact[standard_artifacts.ExampleStatistics] = None,
    profile: OptionalInputArtifact[standard_artifacts.ExampleAnomalies] = None,
    evaluation: OptionalInputArtifact[standard_artifacts.ModelEvaluation] = None,
) -> None:
    """Push the model if both gates blessed it, and its bytes are those that they judged.

    Args:
        model: the Trainer's output.
        model_blessing: the Evaluator's verdict.
        infra_blessing: the InfraValidator's verdict and warm-up file.
        pushed_model: the push, with model, destination and version; ``newly_pushed`` is 0 if the newest version already
            holds the same files.
        base_directory: serving folder of this model, a path or ``gs://bucket/folder``, with a child per version.
        champion: folder that keeps the pushed model as the baseline of the next run, a path or ``gs://bucket/folder``;
            empty for none.
        statistics: StatisticsGen's output, which the champion keeps for the next run's DataGate.
        profile: DataGate's output, for the same.
        evaluation: the Evaluator's output, which the champion keeps for the next run's ModelGate.

    Raises:
        GateRefused: a blessing is missing, or is about other bytes; the serving folder and the champion are unchanged.
        BucketFailed: the bucket cannot be used.
    """
    if model_blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) != constants.BLESSED_VALUE:
        raise GateRefused("the Evaluator did not bless the model")
    if not infra.is_blessed(infra_blessing):
        raise GateRefused(infra.reason(infra_blessing))
    judged = judged_digest(model_blessing=model_blessing, infra_blessing=infra_blessing)
    source = Path(path_utils.serving_model_path(model.uri))
    warmup = Path(infra_blessing.uri) / WARMUP_FILE
    beside = {STATISTICS: statistics, PROFILE: profile, EVALUATION: evaluation}
    records = {name: Path(artifact.uri) for name, artifact in beside.items() if artifact}

    def crown(version: int, check: Callable[[], None]) -> None:
        if champion:
            keep(model=Path(model.uri), version=version, folder=champion, records=records, check=check)

    version, new = push(
        source=source,
        base_directory=base_directory,
        judged=judged,
        warmup=warmup if warmup.exists() else None,
        then=crown,
    )
    pushed_model.set_int_custom_property("pushed", 1)
    pushed_model.set_int_custom_property(MODEL_ID_PROPERTY, model.id)
    pushed_model.set_string_custom_property(DIGEST_PROPERTY, judged)
    pushed_model.set_int_custom_property("newly_pushed", int(new))
    pushed_model.set_string_custom_property("pushed_destination", destination(base_directory, version))
    pushed_model.set_string_custom_property(VERSION_PROPERTY, str(version))


def push(
    *,
    source: Path,
    base_directory: str,
    judged: str | None = None,
    warmup: Path | None = None,
    last: str = SAVED_MODEL,
    then: Callable[[int, Callable[[], None]], None] = lambda version, check: None,
) -> tuple[int, bool]:
    """Put ``source`` into a new, higher version, completely or not at all.

    In a folder, it is copied beside the versions, synced to disk and renamed: a reader sees all of the version or
    nothing. A kill at any point leaves earlier versions untouched and at most a stage folder, which the next push
    removes. For a bucket see `components.push.bucket_push`.

    Args:
        source: folder of a SavedModel.
        base_directory: serving folder, a path or ``gs://bucket/folder``; created if it does not exist.
        judged: digest that the copy must have to become a version (`components.gates.judged`); None: any.
        warmup: warm-up file for the version; a model with its own keeps that.
        last: name of the file that completes a version for its readers; it is uploaded last.
        then: called with the version before another push can begin, and with a check to call before each write, which
            raises if another push has begun nevertheless.

    Returns:
        The version, and whether it is new: a model equal to the newest version is not pushed again. The warm-up file
        does not count: other examples do not make another model.

    Raises:
        GateRefused: the copy is not what was judged; it is removed.
    """
    if base_directory.startswith(SCHEME):
        files = {WARMUP_FILE: warmup} if warmup else {}
        return bucket_push.push(
            files=files | files_below(source),
            folder=BucketFolder(base_directory),
            last=last,
            uncounted=[WARMUP_FILE],
            judged=judged,
            then=then,
        )
    return _push_to_folder(source=source, base_directory=Path(base_directory), judged=judged, warmup=warmup, then=then)


def destination(base_directory: str, version: int) -> str:
    """The path or URI of a version."""
    if base_directory.startswith(SCHEME):
        return f"{base_directory.rstrip('/')}/{version}"
    return str(Path(base_directory) / str(version))


def _push_to_folder(
    *,
    source: Path,
    base_directory: Path,
    judged: str | None,
    warmup: Path | None,
    then: Callable[[int, Callable[[], None]], None],
) -> tuple[int, bool]:
    base_directory.mkdir(parents=True, exist_ok=True)
    with _locked(base_directory):
        for stale in base_directory.glob(f"{STAGE_PREFIX}*"):
            shutil.rmtree(stale)
        folders = version_folders.find(base_directory)
        newest = max(folders, default=0)
        if newest and model_digest(folders[newest]) == (judged or model_digest(source)):
            version, new = newest, False
        else:
            version, new = max(int(time.time()), newest + 1), True
            stage = base_directory / f"{STAGE_PREFIX}{uuid.uuid4().hex}"
            shutil.copytree(source, stage)
            if judged is not None and model_digest(stage) != judged:
                shutil.rmtree(stage)
                raise GateRefused(CHANGED)
            if warmup and not (stage / WARMUP_FILE).exists():
                (stage / WARMUP_FILE).parent.mkdir(exist_ok=True)
                shutil.copyfile(warmup, stage / WARMUP_FILE)
            for path in [*stage.rglob("*"), stage]:
                sync(path)
            stage.rename(base_directory / str(version))
            sync(base_directory)
        # The lock cannot be lost while this process lives.
        then(version, lambda: None)
    return version, new


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One push at a time, across machines.

    The lock is on a file that is open for writing, which NFS passes on to its server; a lock on the folder would be
    local to this machine. The file stays: waiting processes have it open.
    """
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
