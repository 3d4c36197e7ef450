"""The protocol as the vendor's own client speaks it: tritonclient, where `make interop` has installed it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conformance import models
from tests.conftest import ROOT
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow

PACKAGES = ROOT / "build" / "interop" / "packages"
# In a process of its own: it brings its own versions of other packages.
CODE = """
import sys
import numpy as np
kind, target = sys.argv[1:]
if kind == "grpc":
    import tritonclient.grpc as triton
else:
    import tritonclient.http as triton
client = triton.InferenceServerClient(target)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("half_plus_two")
assert not client.is_model_ready("nobody")
metadata = client.get_model_metadata("half_plus_two")
for binary in (True, False):
    x = triton.InferInput("x", [2, 1], "FP32")
    array = np.array([[2.0], [4.0]], np.float32)
    x.set_data_from_numpy(array) if kind == "grpc" else x.set_data_from_numpy(array, binary_data=binary)
    wanted = [triton.InferRequestedOutput("y")] if binary else None
    answer = client.infer("half_plus_two", [x], outputs=wanted, model_version="123", request_id="a")
    assert answer.as_numpy("y").tolist() == [[3.0], [4.0]], answer.get_response()
text = triton.InferInput("text", [2], "BYTES")
text.set_data_from_numpy(np.array([b"a", b"bc"], object))
times = triton.InferInput("times", [2], "INT64")
times.set_data_from_numpy(np.array([3, -4]))
answer = client.infer("several", [text, times], parameters={"signature_name": "repeat"})
assert answer.as_numpy("text").tolist() == [b"a:3", b"bc:-4"], answer.as_numpy("text")
assert answer.as_numpy("twice").tolist() == [6, -8]
try:
    client.infer("nobody", [text])
except triton.InferenceServerException as error:
    assert "Servable not found" in str(error), error
else:
    raise AssertionError("an unknown model was accepted")
print("ok")
"""


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_triton_s_client(kind, tmp_path_factory):
    if not (PACKAGES / "tritonclient").is_dir():
        pytest.skip("tritonclient is not here; `make interop` installs it")
    folder = tmp_path_factory.mktemp("triton")
    models.write(folder)
    flags = [*models.FLAGS, f"--model_config_file={folder}/models.config", "--enable_kserve_v2"]
    flags += ["--rest_api_port=-1"]  # part: rest
    with RunningServer(*flags) as running:
        target = running.target if kind == "grpc" else running.rest
        if target is None:
            pytest.skip("needs the part rest")
        command = [sys.executable, "-c", CODE, kind, target]
        done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(PACKAGES)})
    assert done.stdout == "ok\n", done.stderr[-3000:]
