"""A server under load for long, while models come and go: what went wrong, and how its memory grew."""

from __future__ import annotations

import shutil
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
import psutil

from serving.client.messages import tensors
from serving.client.messages.protos import message, parse_text
from tests.conformance import models
from tests.serving.support.certificates import Authority
from tests.serving.support.running import RunningServer

CHANNELS = 20
_CALL_SECONDS = 20.0
_PAUSE_SECONDS = 0.002
_RELOAD_SECONDS = 0.5
_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
# y = x / 2 + constant.
_CONSTANTS = {1: 2.0, 2: 3.0}


@dataclass
class Result:
    """What was seen.

    Attributes:
        requests: answered requests.
        reloads: accepted reloads, each of which moves a label and adds or removes a model.
        errors: texts of failed calls and wrong answers.
        memory_mb: resident megabytes of the server, several times a second, without the first fifth.
    """

    requests: int = 0
    reloads: int = 0
    errors: list[str] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)

    def growth_mb(self) -> float:
        """Megabytes between the medians of the first and the last quarter."""
        quarter = max(1, len(self.memory_mb) // 4)
        return statistics.median(self.memory_mb[-quarter:]) - statistics.median(self.memory_mb[:quarter])

    def line(self) -> str:
        """One line."""
        low, high = (min(self.memory_mb), max(self.memory_mb)) if self.memory_mb else (0.0, 0.0)
        return (
            f"{self.requests} requests on {CHANNELS} channels, {self.reloads} reloads, {len(self.errors)} errors, "
            f"memory {low:.0f} to {high:.0f} MB, growth {self.growth_mb():+.1f} MB"
        )


def soak(folder: Path, *, seconds: float) -> Result:
    """Start a server with TLS, and send requests to it for so long.

    Args:
        folder: for the models and certificates.
        seconds: duration.
    """
    authority, flags = Authority(), ["--file_system_poll_wait_seconds=0.2"]
    for version, constant in _CONSTANTS.items():
        models.export_tf1(folder / "m" / str(version), constant=constant)
    shutil.copytree(folder / "m", folder / "other")
    pair = authority.sign("localhost")
    fields = {"server_key": pair.key, "server_cert": pair.certificate}
    (folder / "ssl.config").write_text(
        "\n".join(f'{name}: "{text}"'.replace("\n", "\\n") for name, text in fields.items())
    )
    (folder / "models.config").write_text(_config(folder, stable=1, other=False))
    flags += [f"--model_config_file={folder}/models.config", f"--ssl_config_file={folder}/ssl.config"]
    credentials = grpc.ssl_channel_credentials(authority.certificate.encode())
    with RunningServer(*flags) as server:
        return _Soak(server, credentials, folder).run(seconds)


class _Soak:
    def __init__(self, server: RunningServer, credentials: grpc.ChannelCredentials, folder: Path):
        self._server, self._folder = server, folder
        self._credentials = credentials
        self._result = Result()
        self._counts = [0] * CHANNELS
        self._stop = threading.Event()

    def run(self, seconds: float) -> Result:
        work = [self._ask(index) for index in range(CHANNELS)] + [self._reload]
        threads = [threading.Thread(target=self._guarded, args=(each,)) for each in work]
        process = psutil.Process(self._server.process.pid)
        for thread in threads:
            thread.start()
        start = time.monotonic()
        while (passed := time.monotonic() - start) < seconds and not self._result.errors:
            if passed > seconds / 5:
                self._result.memory_mb.append(process.memory_info().rss / 2**20)
            time.sleep(min(0.2, seconds / 50))
        self._stop.set()
        for thread in threads:
            thread.join()
        self._result.requests = sum(self._counts)
        return self._result

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except grpc.RpcError as error:
            self._result.errors.append(f"{error.code().name}: {error.details()}")
        except Exception as error:
            self._result.errors.append(f"{type(error).__name__}: {error}")

    def _channel(self) -> grpc.Channel:
        options = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.secure_channel(self._server.target.replace("127.0.0.1", "localhost"), self._credentials, options)

    def _ask(self, index: int) -> Callable[[], None]:
        """Ask by the label on even channels, by a version on odd ones."""

        def ask() -> None:
            request = message("tensorflow.serving.PredictRequest")()
            request.model_spec.name = "m"
            tensors.fill(request.inputs["x"], np.array([2.0], np.float32))
            if index % 2:
                request.model_spec.version.value = 1
            else:
                request.model_spec.version_label = "stable"
            read = message("tensorflow.serving.PredictResponse").FromString
            with self._channel() as channel:
                predict = channel.unary_unary(_PREDICT, response_deserializer=read)
                while not self._stop.is_set():
                    answer = predict(request.SerializeToString(), timeout=_CALL_SECONDS)
                    expected = 1.0 + _CONSTANTS[answer.model_spec.version.value]
                    if list(answer.outputs["y"].float_val) != [expected]:
                        raise AssertionError(f"a wrong answer: {answer}")
                    self._counts[index] += 1
                    time.sleep(_PAUSE_SECONDS)

        return ask

    def _reload(self) -> None:
        with self._channel() as channel:
            reload = channel.unary_unary(
                _RELOAD, response_deserializer=message("tensorflow.serving.ReloadConfigResponse").FromString
            )
            while not self._stop.wait(_RELOAD_SECONDS):
                turn = self._result.reloads
                text = _config(self._folder, stable=1 + turn % 2, other=turn % 4 < 2)
                config = parse_text(text, "tensorflow.serving.ModelServerConfig")
                request = message("tensorflow.serving.ReloadConfigRequest")(config=config)
                reload(request.SerializeToString(), timeout=_CALL_SECONDS)
                self._result.reloads += 1


def _config(folder: Path, *, stable: int, other: bool) -> str:
    labels = f'model_version_policy {{ all {{}} }} version_labels {{ key: "stable" value: {stable} }}'
    entries = [f'config {{ name: "m" base_path: "{folder}/m" model_platform: "tensorflow" {labels} }}']
    if other:
        entries.append(f'config {{ name: "other" base_path: "{folder}/other" model_platform: "tensorflow" }}')
    return f"model_config_list {{ {' '.join(entries)} }}"
