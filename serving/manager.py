"""Versions of one model: found on disk by polling, loaded before the old one is unloaded.

The rules are TF Serving's (sources/storage_path/file_system_storage_path_source.cc,
core/availability_preserving_policy.cc), except that a failed load is retried with the next polls, backing off
to a minute, instead of being given up for good.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tensorflow_serving.apis import get_model_status_pb2

from serving.engine import SavedModel

logger = logging.getLogger(__name__)

State = get_model_status_pb2.ModelVersionStatus.State
_SLOWEST_RETRY_SECONDS = 60.0


class ModelNotFound(Exception):
    """No such model or version is loaded; the text is TF Serving's."""


@dataclass(frozen=True, kw_only=True)
class VersionStatus:
    """Where one version stands; ``error`` is empty unless its last load failed."""

    version: int
    state: State
    error: str = ""


@dataclass
class _Loaded:
    model: SavedModel
    calls: int = 0


class ModelManager:
    """Serves the newest version below a base path, and keeps the old one until a new one is ready.

    Args:
        name: the model's name.
        base_path: its versions are the children whose names are integers.
        poll_seconds: between two looks at the folder.
    """

    def __init__(self, *, name: str, base_path: Path, poll_seconds: float = 1.0):
        self.name = name
        self._base_path = base_path
        self._poll_seconds = poll_seconds
        self._loaded: dict[int, _Loaded] = {}
        self._status: dict[int, VersionStatus] = {}
        self._retry_at: dict[int, tuple[float, float]] = {}
        self._lock = threading.Condition()
        self._stop = threading.Event()
        self._poller = threading.Thread(target=self._poll, name=f"poll-{name}", daemon=True)

    def start(self) -> None:
        """Look once, so that a version that is there is served at once, then keep polling."""
        self._try_refresh()
        self._poller.start()

    def stop(self) -> None:
        """Stop polling and unload; no call may be under way."""
        self._stop.set()
        if self._poller.is_alive():
            self._poller.join()
        with self._lock:
            for loaded in self._loaded.values():
                loaded.model.close()
            self._loaded.clear()

    @contextmanager
    def acquire(self, version: int | None) -> Iterator[tuple[int, SavedModel]]:
        """Hold a version (None: the newest that is available), which is not unloaded meanwhile.

        Raises:
            ModelNotFound: it is not loaded.
        """
        with self._lock:
            chosen = max(self._loaded, default=None) if version is None else version
            if chosen not in self._loaded:
                wanted = f"Latest({self.name})" if version is None else f"Specific({self.name}, {version})"
                raise ModelNotFound(f"Servable not found for request: {wanted}")
            loaded = self._loaded[chosen]
            loaded.calls += 1
        try:
            yield chosen, loaded.model
        finally:
            with self._lock:
                loaded.calls -= 1
                self._lock.notify_all()

    def status(self, version: int | None = None) -> list[VersionStatus]:
        """The status of every version seen, or of one.

        Raises:
            ModelNotFound: none was seen.
        """
        with self._lock:
            statuses = [self._status[key] for key in sorted(self._status, reverse=True) if version in (None, key)]
        if not statuses:
            which = (
                f"any versions of model {self.name}" if version is None else f"version {version} of model {self.name}"
            )
            raise ModelNotFound(f"Could not find {which}")
        return statuses

    def refresh(self) -> None:
        """Look at the folder once: load the newest version if it is new, then unload the older ones."""
        folders = self._version_folders()
        if not folders:
            return
        newest = max(folders)
        if newest not in self._loaded and not self._load(newest, folders[newest]):
            return
        for old in [version for version in self._loaded if version != newest]:
            self._unload(old)

    def _poll(self) -> None:
        while not self._stop.wait(self._poll_seconds):
            self._try_refresh()

    def _try_refresh(self) -> None:
        try:
            self.refresh()
        except OSError as error:
            logger.warning("%s: cannot look for versions (%s)", self._base_path, error.strerror)

    def _version_folders(self) -> dict[int, Path]:
        try:
            return {int(path.name): path for path in self._base_path.iterdir() if path.name.isdigit() and path.is_dir()}
        except FileNotFoundError:
            return {}

    def _load(self, version: int, folder: Path) -> bool:
        due, delay = self._retry_at.get(version, (0.0, self._poll_seconds))
        if time.monotonic() < due:
            return False
        self._set(VersionStatus(version=version, state=State.LOADING))
        try:
            model = SavedModel(str(folder))
        except Exception as error:  # noqa: BLE001 (whatever the loader raises must not end the server)
            self._retry_at[version] = (time.monotonic() + delay, min(2 * delay, _SLOWEST_RETRY_SECONDS))
            text = " ".join(str(error).split())
            self._set(VersionStatus(version=version, state=State.END, error=text))
            logger.warning("version %d of %s does not load: %s", version, self.name, text)
            return False
        with self._lock:
            self._loaded[version] = _Loaded(model)
        self._retry_at.pop(version, None)
        self._set(VersionStatus(version=version, state=State.AVAILABLE))
        return True

    def _unload(self, version: int) -> None:
        with self._lock:
            loaded = self._loaded.pop(version)
            self._status[version] = replace(self._status[version], state=State.UNLOADING)
            self._lock.wait_for(lambda: loaded.calls == 0)
        loaded.model.close()
        self._set(VersionStatus(version=version, state=State.END))

    def _set(self, status: VersionStatus) -> None:
        with self._lock:
            self._status[status.version] = status
