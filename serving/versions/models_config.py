"""The models config file (text-format ModelServerConfig): read, edit one model at a time, write atomically.

Needs no TensorFlow.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from serving.client.messages.protos import message
from serving.versions import version_folders

_MODEL_SERVER_CONFIG = "tensorflow.serving.ModelServerConfig"
PLATFORM = "tensorflow"
logger = logging.getLogger(__name__)


class ModelsConfigError(ValueError):
    """The file or the model's entry does not suit the command; one line."""


def empty() -> Any:
    """A ModelServerConfig without models."""
    return message(_MODEL_SERVER_CONFIG)()


def read(path: Path) -> Any:
    """The ModelServerConfig of a file.

    Raises:
        ModelsConfigError: the file is missing, unreadable, or not a list of models.
    """
    try:
        config = text_format.Parse(path.read_text(), empty())
    except FileNotFoundError:
        raise ModelsConfigError(f"{path}: does not exist; `python -m serving.versions init` creates it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelsConfigError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    except text_format.ParseError as error:
        raise ModelsConfigError(f"{path}: not a text-format ModelServerConfig ({error})") from None
    if config.HasField("custom_model_config"):
        raise ModelsConfigError(f"{path}: contains a custom_model_config; versions need a model_config_list")
    return config


def to_text(config: Any, *, like: str = "") -> str:
    """The text of a config.

    Args:
        config: a ModelServerConfig.
        like: the file's former text; its leading comments are kept, others are lost.
    """
    comments = []
    for line in like.splitlines(keepends=True):
        if line.strip() and not line.startswith("#"):
            break
        comments.append(line)
    return "".join(comments) + text_format.MessageToString(config)


def write(path: Path, config: Any) -> None:
    """Replace the file atomically: after a crash it is the old one or the new one.

    Raises:
        OSError: the file cannot be written; it is unchanged.
    """
    existing = path.exists()
    text = to_text(config, like=path.read_text() if existing else "")
    # Otherwise a link would be replaced by a file.
    target = path.resolve()
    with _temporary_file(target) as temporary:
        with temporary.open("w") as stream:
            stream.write(text)
            stream.flush()
            # mkstemp makes files that only their owner can read; the server may run as another user.
            os.fchmod(stream.fileno(), target.stat().st_mode & 0o777 if existing else 0o644)
            os.fsync(stream.fileno())
        temporary.replace(target)
    _sync_folder(target.parent)


@contextmanager
def _temporary_file(target: Path) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _sync_folder(folder: Path) -> None:
    """Make a new name survive a power failure; a failure is no error, since the file is in place."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        logger.warning("%s: cannot be synced (%s); a power failure may restore the old file", folder, error.strerror)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock the file against other commands; the lock ends with the process.

    Raises:
        ModelsConfigError: the file is missing, or another command has locked it.
    """
    descriptor = _lock(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise ModelsConfigError(
                f"{path}: cannot be opened ({error.strerror}); `python -m serving.versions init` creates it"
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ModelsConfigError(f"{path}: another command is changing it; try again when it is done") from None
        # Another command has just replaced the file: lock the new one.
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)


def entry(config: Any, model: str) -> Any:
    """The ModelConfig of one model, a part of ``config``.

    Raises:
        ModelsConfigError: there is no such model.
    """
    names = [one.name for one in config.model_config_list.config]
    if model not in names:
        raise ModelsConfigError(f"no model {model} in the models config; it has {', '.join(sorted(names)) or 'none'}")
    return config.model_config_list.config[names.index(model)]


def labels(config: Any, model: str) -> dict[str, int]:
    """The labels of one model."""
    return dict(entry(config, model).version_labels)


def specific_versions(config: Any, model: str) -> set[int] | None:
    """The versions that the policy lists; None for other policies (latest, all)."""
    policy = entry(config, model).model_version_policy
    return set(policy.specific.versions) if policy.WhichOneof("policy_choice") == "specific" else None


def edited(config: Any, model: str, *, labels: Mapping[str, int], versions: Iterable[int] | None) -> Any:
    """A copy with other labels and versions for one model; other entries stay as they are.

    Args:
        config: a ModelServerConfig.
        model: one of its models.
        labels: all labels of the model.
        versions: all versions to load; None keeps the policy.
    """
    copy = empty()
    copy.CopyFrom(config)
    changed = entry(copy, model)
    changed.version_labels.clear()
    changed.version_labels.update(labels)
    if versions is not None:
        changed.model_version_policy.Clear()
        changed.model_version_policy.specific.versions.extend(sorted(versions))
    return copy


def added(config: Any, model: str, *, base_path: Path, stable: int) -> Any:
    """A copy with a new model and one version, labelled ``stable``.

    Raises:
        ModelsConfigError: the config has the model already.
    """
    if model in [one.name for one in config.model_config_list.config]:
        raise ModelsConfigError(f"model {model} is already in the models config; promote or label its versions")
    copy = empty()
    copy.CopyFrom(config)
    copy.model_config_list.config.add(name=model, base_path=str(base_path), model_platform=PLATFORM)
    return edited(copy, model, labels={"stable": stable}, versions=[stable])


def versions_on_disk(base_path: Path) -> set[int] | None:
    """The versions below a base path; None if it cannot be read here, such as a path inside a container."""
    try:
        return set(version_folders.find(base_path))
    except OSError:
        return None
