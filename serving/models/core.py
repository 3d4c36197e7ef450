"""The models of a server: their config, versions and labels.

The rules and texts are those of model_servers/server_core.cc; deviations are noted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import grpc
from tensorflow_serving.apis import model_pb2
from tensorflow_serving.config import model_server_config_pb2

from serving.errors import StatusError, code_name, failed_precondition, invalid_argument, not_found
from serving.inference.servable import Servable
from serving.models.folders import Folder, folder_of, scheme_of
from serving.models.manager import Lease, ModelManager, Retries, VersionStatus, servable_not_found
from serving.versions.models_config import PLATFORM

logger = logging.getLogger(__name__)

ModelConfig = model_server_config_pb2.ModelConfig
ModelServerConfig = model_server_config_pb2.ModelServerConfig
Labels = Mapping[str, Mapping[str, int]]


class ServerCore:
    """Every model of one server. Serves none until the first `reload`.

    Args:
        load: makes a servable from a model's name and a version's folder; its exception is the version's error.
        poll_seconds: float, interval of looking for versions; 0: only at the start and at each reload.
        allow_labels_for_unavailable_versions: bool, let a new label point to a version that is not loaded.
        retries: how failed loads are retried.
    """

    def __init__(
        self,
        *,
        load: Callable[[str, Folder], Servable],
        poll_seconds: float = 1.0,
        allow_labels_for_unavailable_versions: bool = False,
        retries: Retries | None = None,
    ):
        self._load = load
        self._poll_seconds = poll_seconds
        self._allow_labels = allow_labels_for_unavailable_versions
        self._retries = retries or Retries()
        self._reloading = threading.Lock()
        self._started = False
        self._managers: dict[str, ModelManager] = {}
        self._labels: Labels = {}
        # Models that are no longer in the config, but have running requests.
        self._left: list[ModelManager] = []
        self._ready_once: set[str] = set()

    def reload(self, config: ModelServerConfig) -> None:
        """Serve the models of ``config`` and no others; return once the new ones are available.

        At the start, labels are set after the models are loaded; TF Serving refuses all labels there, unless its flag
        allows labels for unavailable versions.

        Raises:
            StatusError: the config is refused, and nothing changed; UNAVAILABLE if another reload is running (TF
                Serving waits, so that repeated calls fill its threads); or a new model did not become available.
        """
        if not self._reloading.acquire(blocking=False):
            raise StatusError(grpc.StatusCode.UNAVAILABLE, "Another reload of the config is running; try again later")
        try:
            self._reload(config)
        finally:
            self._reloading.release()

    def acquire(self, spec: model_pb2.ModelSpec) -> Lease:
        """Hold the version that a request names, by number, by label or as the latest, so that it is not unloaded.

        Returns:
            A context manager that gives the `Handle`.

        Raises:
            StatusError: there is no such version.
        """
        version = self._version(spec)
        try:
            return self._acquire(spec.name, version)
        except StatusError:
            # Between the two calls above the label may have moved and its old version may have been unloaded.
            moved = self._version(spec)
            if moved == version:
                raise
            return self._acquire(spec.name, moved)

    def status(self, spec: model_pb2.ModelSpec) -> list[VersionStatus]:
        """The status of every known version, newest first, or of the one that ``spec`` names.

        Raises:
            StatusError: no such version is known.
        """
        version = self._version(spec)
        manager = self._managers.get(spec.name)
        statuses = [status for status in manager.status() if version in (None, status.version)] if manager else []
        if not statuses:
            which = "any versions" if version is None else f"version {version}"
            raise not_found(f"Could not find {which} of model {spec.name}")
        return statuses

    def has(self, name: str) -> bool:
        """Whether the config names this model."""
        return name in self._managers

    def serves(self, name: str) -> bool:
        """Whether a version of this model is available."""
        return name in self._managers and bool(self._managers[name].available())

    def is_ready(self) -> bool:
        """Whether every model of the first config has been available, and every model that has been available still is.

        A model that a reload adds and that never loads does not make the server unready for the others.
        """
        available = {name: bool(manager.available()) for name, manager in self._managers.items()}
        if self._started and not self._ready_once and not all(available.values()):
            return False
        self._ready_once = {name for name, is_there in available.items() if is_there or name in self._ready_once}
        return self._started and all(available[name] for name in self._ready_once)

    def stop(self, *, timeout_seconds: float = 10.0) -> bool:
        """Stop looking for versions, and unload each one after its last request.

        Returns:
            Whether all were unloaded in time; if not, a request is still running.
        """
        for manager in self._managers.values():
            manager.stop()
        end = time.monotonic() + timeout_seconds
        return all(
            manager.wait_unloaded(max(0.0, end - time.monotonic()))
            for manager in [*self._managers.values(), *self._left]
        )

    def _reload(self, config: ModelServerConfig) -> None:
        if config.WhichOneof("config") == "custom_model_config" or (self._started and not config.WhichOneof("config")):
            raise failed_precondition(
                "Cannot transition to requested config. It is only legal to transition from one ModelConfigList "
                "to another."
            )
        if config.WhichOneof("config") is None and not self._started:
            # As with an empty file, at the start and until the first list of models.
            return
        models = check_config(config, served=self._managers)
        if self._started:
            self._labels = self._checked_labels(models)
        new = self._apply(models)
        unit = "model(s)"
        if not self._started:
            self._labels = self._labels_at_start(models)
            self._started, unit = True, "servable(s)"
        self._require_available(new, unit)

    def _acquire(self, name: str, version: int | None) -> Lease:
        manager = self._managers.get(name)
        if manager is None:
            raise servable_not_found(name, version)
        return manager.acquire(version)

    def _version(self, spec: model_pb2.ModelSpec) -> int | None:
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice is None:
            return None
        if choice == "version":
            return spec.version.value
        labels = self._labels.get(spec.name, {})
        if spec.version_label not in labels:
            raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
        return labels[spec.version_label]

    def _apply(self, models: Mapping[str, ModelConfig]) -> list[str]:
        """Stop, reconfigure and start managers; returns the names of the new ones."""
        before = self._managers
        managers = {name: before[name] if name in before else self._manager(models[name]) for name in models}
        for name in managers.keys() & before.keys():
            config = models[name]
            managers[name].configure(base_path=folder_of(config.base_path), policy=config.model_version_policy)
        new = [name for name in managers if name not in before]
        # Current models stay available while a new one loads, and it is loaded before a request can name it.
        for name in new:
            managers[name].start()
        self._managers = managers
        left = [before[name] for name in before.keys() - managers.keys()]
        for manager in left:
            manager.stop()
        self._left = [*(manager for manager in self._left if not manager.wait_unloaded(0.0)), *left]
        return new

    def _manager(self, config: ModelConfig) -> ModelManager:
        return ModelManager(
            name=config.name,
            base_path=folder_of(config.base_path),
            policy=config.model_version_policy,
            load=self._load,
            poll_seconds=self._poll_seconds,
            retries=self._retries,
        )

    def _checked_labels(self, models: Mapping[str, ModelConfig]) -> Labels:
        """The config's labels, each of which must point to an available version unless it is unchanged."""
        for name, config in models.items():
            available = self._managers[name].available() if name in self._managers else []
            for label, version in config.version_labels.items():
                before = self._labels.get(name, {}).get(label)
                # A label that stays where it is needs no version: what the start accepted is accepted again.
                allowed = before == version or (before is None and self._allow_labels)
                if version not in available and not allowed:
                    raise failed_precondition(
                        f"Request to assign label to version {version} of model {name}, which is not currently "
                        "available for inference"
                    )
        return _labels(models)

    def _labels_at_start(self, models: Mapping[str, ModelConfig]) -> Labels:
        for name, labels in _labels(models).items():
            for label, version in labels.items():
                if version not in self._managers[name].available():
                    logger.warning("label %s of %s points to version %d, which is not served", label, name, version)
        return _labels(models)

    def _require_available(self, names: list[str], unit: str) -> None:
        missing = [name for name in sorted(names) if not self._managers[name].available()]
        if missing:
            listed = "".join(f"{{{_newest(self._managers[name])}}}, " for name in missing)
            raise StatusError(grpc.StatusCode.UNKNOWN, f"{len(missing)} {unit} did not become available: {{{listed}}}")


def check_config(config: ModelServerConfig, *, served: Collection[str] = ()) -> dict[str, ModelConfig]:
    """The models of a config by name.

    Args:
        config: a list of models.
        served: names of the models that are served already.

    Raises:
        StatusError: a name is repeated, a path is relative, TensorFlow cannot read a URI, or a platform is not
            TensorFlow.
    """
    models: dict[str, ModelConfig] = {}
    for model in config.model_config_list.config:
        if model.name in models:
            raise invalid_argument(f"Illegal to list model {model.name} multiple times in config list")
        if model.model_type and model.model_platform:
            raise invalid_argument(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform."
            )
        platform = model.model_platform or (PLATFORM if model.model_type == model_server_config_pb2.TENSORFLOW else "")
        if not platform:
            raise invalid_argument(
                "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
                "ModelServerConfig::model_platform."
            )
        if platform != PLATFORM and model.name in served:
            raise invalid_argument(
                f"Illegal to change a model's platform. For model {model.name} platform was {PLATFORM} and new "
                f"platform requested is {platform}"
            )
        if platform != PLATFORM:
            raise invalid_argument(f"Model {model.name} requests unsupported platform {platform}")
        if scheme_of(model.base_path):
            # An unknown scheme is refused here, before anything changes.
            folder_of(model.base_path)
        elif not Path(model.base_path).is_absolute():
            raise invalid_argument(
                f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
            )
        models[model.name] = model
    return models


def _labels(models: Mapping[str, ModelConfig]) -> Labels:
    return {name: dict(config.version_labels) for name, config in models.items()}


def _newest(manager: ModelManager) -> str:
    """The newest version and, if it failed, why."""
    statuses = manager.status()
    if not statuses:
        return f"{{name: {manager.name} version: none found}}"
    newest = statuses[0]
    reason = f" due to error: {code_name(newest.error_code)}: {newest.error}" if newest.error else ""
    return f"{{name: {manager.name} version: {newest.version}}}{reason}"
