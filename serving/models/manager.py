"""Versions of one model: found on disk by polling, loaded before the old ones are unloaded.

The rules are TF Serving's (core/availability_preserving_policy.cc), except that failed loads are retried for ever: at
once when files in the version's folder change, else after a delay that doubles up to a maximum. TF Serving gives up a
version after five retries of a minute each, and there one missing folder stops the polling of all models; here every
model has its own thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2

from serving.errors import StatusError, from_tensorflow, not_found
from serving.inference.servable import Handle, Servable
from serving.models import folders
from serving.models.folders import Folder
from serving.models.version_policy import VersionPolicy, aspired

logger = logging.getLogger(__name__)

VersionState = get_model_status_pb2.ModelVersionStatus.State
# First delay where polling is off.
_SHORTEST_RETRY_SECONDS = 0.01


@dataclass(frozen=True, kw_only=True)
class VersionStatus:
    """The status of one version; ``error`` is empty and ``error_code`` 0 unless its last load failed."""

    version: int
    state: VersionState
    error_code: int = 0
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How failed loads are retried.

    Attributes:
        most: int, retries of an unchanged folder; None: no limit.
        longest_seconds: float, longest delay between two.
    """

    most: int | None = None
    longest_seconds: float = 60.0


@dataclass
class _Loaded:
    handle: Handle
    calls: int = 0


@dataclass(frozen=True)
class _Failed:
    folder: tuple
    retries: int
    due: float
    delay: float


class Lease:
    """Holds a version during a ``with`` block, so that it is not unloaded."""

    __slots__ = ("_loaded", "_lock")

    def __init__(self, loaded: _Loaded, lock: threading.Condition):
        self._loaded = loaded
        self._lock = lock

    def __enter__(self) -> Handle:
        return self._loaded.handle

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._loaded.calls -= 1
            if not self._loaded.calls:
                self._lock.notify_all()


class ModelManager:
    """Serves the versions of one model that its policy wants, and keeps the old ones until a new one is ready.

    Args:
        name: the model's name.
        base_path: folder whose children with integer names are the versions.
        policy: selects the versions to serve.
        load: makes a servable from the model's name and a version's folder; its exception is the version's error.
        poll_seconds: float, interval of looking for versions; 0: only at the start and at each `configure`.
        retries: how failed loads are retried.
    """

    def __init__(
        self,
        *,
        name: str,
        base_path: Folder,
        policy: VersionPolicy,
        load: Callable[[str, Folder], Servable],
        poll_seconds: float = 1.0,
        retries: Retries | None = None,
    ):
        self.name = name
        self._wanted = (base_path, policy)
        self._load_servable = load
        self._poll_seconds = poll_seconds
        self._retries = retries or Retries()
        self._loaded: dict[int, _Loaded] = {}
        self._latest: int | None = None
        self._status: dict[int, VersionStatus] = {}
        self._failed: dict[int, _Failed] = {}
        self._lock = threading.Condition()
        self._stopping = False
        self._logged = ""
        self._unloaders: list[threading.Thread] = []
        self._wake = threading.Event()
        self._poller = threading.Thread(target=self._poll, name=f"poll-{name}", daemon=True)

    def start(self) -> None:
        """Load the versions on disk, then keep polling."""
        self._try_refresh()
        self._poller.start()

    def configure(self, *, base_path: Folder, policy: VersionPolicy) -> None:
        """Change folder or policy; returns before the versions are loaded."""
        # One assignment: the poller must never see the old folder with the new policy.
        self._wanted = (base_path, policy)
        self._wake.set()

    def stop(self) -> None:
        """Stop polling and start to unload each version after its last call; see `wait_unloaded`."""
        self._stopping = True
        self._wake.set()
        if self._poller.is_alive():
            self._poller.join()
        for version in list(self._loaded):
            self._unload(version)

    def wait_unloaded(self, timeout_seconds: float) -> bool:
        """After `stop`: whether every version was unloaded within this time."""
        end = time.monotonic() + timeout_seconds
        for thread in self._unloaders:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._unloaders)

    def acquire(self, version: int | None) -> Lease:
        """Hold a version; None: the newest that is available.

        Raises:
            StatusError: the version is not loaded.
        """
        with self._lock:
            chosen = self._latest if version is None else version
            loaded = None if chosen is None else self._loaded.get(chosen)
            if loaded is None:
                raise servable_not_found(self.name, version)
            loaded.calls += 1
        return Lease(loaded, self._lock)

    def available(self) -> list[int]:
        """The versions that are served, ascending."""
        with self._lock:
            return sorted(self._loaded)

    def status(self) -> list[VersionStatus]:
        """The status of every known version, newest first."""
        with self._lock:
            return [self._status[version] for version in sorted(self._status, reverse=True)]

    def _poll(self) -> None:
        while not self._stopping:
            self._wake.wait(self._poll_seconds or None)
            self._wake.clear()
            if not self._stopping:
                self._try_refresh()

    def _try_refresh(self) -> None:
        base_path, policy = self._wanted
        try:
            found = folders.find(base_path)
        except OSError as error:
            # Logged once, not at each poll.
            if str(error) != self._logged:
                logger.warning("%s: cannot look for versions of %s (%s)", base_path, self.name, error.strerror)
            self._logged = str(error)
            return
        self._logged = ""
        try:
            self._refresh(aspired(found, policy))
        except Exception:
            logger.exception("checking the versions of %s failed; trying again", self.name)

    def _refresh(self, wanted: Mapping[int, Folder]) -> None:
        """Load missing aspired versions, newest first; then unload those that are no longer aspired."""
        for version, folder in wanted.items():
            if version not in self._loaded and not self._stopping:
                self._load(version, folder)
        if wanted and not any(version in self._loaded for version in wanted):
            return
        for version in [version for version in self._loaded if version not in wanted]:
            self._unload(version)
        for version in [version for version in self._failed if version not in wanted]:
            del self._failed[version]

    def _load(self, version: int, folder: Folder) -> None:
        failed = self._failed.get(version)
        written = folders.fingerprint(folder)
        if failed and failed.folder == written and time.monotonic() < failed.due:
            return
        self._set(VersionStatus(version=version, state=VersionState.LOADING))
        try:
            servable = self._load_servable(self.name, folder)
        except Exception as error:  # noqa: BLE001 (no error of the loader may end the server)
            self._note_failure(version, written, failed if failed and failed.folder == written else None, error)
            return
        with self._lock:
            self._loaded[version] = _Loaded(Handle(name=self.name, version=version, servable=servable))
            self._latest = max(self._loaded)
            self._status[version] = VersionStatus(version=version, state=VersionState.AVAILABLE)
        self._failed.pop(version, None)

    def _note_failure(self, version: int, written: tuple, failed: _Failed | None, error: Exception) -> None:
        retries = failed.retries + 1 if failed else 0
        delay = 2 * failed.delay if failed else max(self._poll_seconds, _SHORTEST_RETRY_SECONDS)
        delay = min(delay, self._retries.longest_seconds)
        given_up = self._retries.most is not None and retries >= self._retries.most
        due = float("inf") if given_up else time.monotonic() + delay
        self._failed[version] = _Failed(written, retries, due, delay)
        code, text = _reason(error)
        self._set(VersionStatus(version=version, state=VersionState.END, error_code=code, error=text))
        logger.warning("version %d of %s failed to load: %s", version, self.name, text)

    def _unload(self, version: int) -> None:
        """Take a version out of service at once, and free it after its last call."""
        with self._lock:
            loaded = self._loaded.pop(version)
            self._latest = max(self._loaded, default=None)
            self._status[version] = replace(self._status[version], state=VersionState.UNLOADING)
        thread = threading.Thread(target=self._free, args=(loaded,), name=f"unload-{self.name}", daemon=True)
        self._unloaders = [*(thread for thread in self._unloaders if thread.is_alive()), thread]
        thread.start()

    def _free(self, loaded: _Loaded) -> None:
        with self._lock:
            self._lock.wait_for(lambda: loaded.calls == 0)
        loaded.handle.servable.close()
        with self._lock:
            # Somebody may have wanted the version back meanwhile.
            if loaded.handle.version not in self._loaded:
                self._status[loaded.handle.version] = VersionStatus(
                    version=loaded.handle.version, state=VersionState.END
                )

    def _set(self, status: VersionStatus) -> None:
        with self._lock:
            self._status[status.version] = status


def servable_not_found(name: str, version: int | None) -> StatusError:
    """The status for a model or a version that is not loaded."""
    wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
    return not_found(f"Servable not found for request: {wanted}")


def _reason(error: Exception) -> tuple[int, str]:
    """Status code number and text of a failed load."""
    if isinstance(error, StatusError):
        return error.code.value[0], error.text
    if isinstance(error, tf.errors.OpError):
        status = from_tensorflow(error)
        return status.code.value[0], " ".join(str(status).split())
    if isinstance(error, OSError):
        return tf.errors.NOT_FOUND, " ".join(str(error).split())
    return tf.errors.UNKNOWN, " ".join(f"{type(error).__name__}: {error}".split())
