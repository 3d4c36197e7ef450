"""Models configs, and what a core makes of them."""

from __future__ import annotations

import numpy as np
from google.protobuf import text_format
from tensorflow_serving.apis import model_pb2
from tensorflow_serving.config import model_server_config_pb2


def config(*entries: str) -> model_server_config_pb2.ModelServerConfig:
    text = "".join(f"config {{ {entry} }}" for entry in entries)
    return text_format.Parse(f"model_config_list {{ {text} }}", model_server_config_pb2.ModelServerConfig())


def entry(base_path, more="", *, name="m", platform="tensorflow") -> str:
    return f'name: "{name}" base_path: "{base_path}" model_platform: "{platform}" {more}'


def spec(**fields) -> model_pb2.ModelSpec:
    result = model_pb2.ModelSpec(name=fields.pop("name", "m"))
    if "version" in fields:
        result.version.value = fields["version"]
    if "label" in fields:
        result.version_label = fields["label"]
    return result


def ask(core, model_spec) -> tuple[int, float]:
    """Version and answer for x = 2."""
    with core.acquire(model_spec) as handle:
        signature = handle.servable.signatures["serving_default"]
        outputs = handle.servable.run(signature, {"x": np.array([[2.0]], np.float32)})
        return handle.version, float(outputs["y"][0][0])


def states(core, name="m") -> dict[int, int]:
    return {status.version: status.state for status in core.status(spec(name=name))}
