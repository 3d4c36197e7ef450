"""What each tool must see of a server that has the models of `tests.conformance.models`; each returns what it saw."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.interop import tools
from tests.interop.tools import Missing
from tests.serving.support.running import RunningServer

_SECONDS = 120
_REQUESTS = 3000
_PREDICT = "tensorflow.serving.PredictionService/Predict"


def grpcurl(server: RunningServer, scratch: Path) -> str:
    """Lists and calls by reflection alone: no definitions at hand."""
    command = tools.go_tool("grpcurl")
    listed = _output([*command, "-plaintext", server.target, "list"]).split()
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"} <= set(listed), listed
    asked = {
        "model_spec": {"name": "half_plus_two"},
        "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": 1}]}, "float_val": [2]}},
    }
    answer = json.loads(_output([*command, "-plaintext", "-d", json.dumps(asked), server.target, _PREDICT]))
    y = answer["outputs"]["y"]
    values = y.get("floatVal") or y.get("float_val")
    assert values == [3], answer
    return f"{len(listed)} services, y = {values[0]}"


def health_probe(server: RunningServer, scratch: Path) -> str:
    """The probe of Kubernetes before it had its own."""
    command = [*tools.go_tool("grpc-health-probe"), f"-addr={server.target}"]
    for service in ("", "PredictionService"):
        done = subprocess.run([*command, f"-service={service}"], capture_output=True, text=True, timeout=_SECONDS)
        assert done.returncode == 0, done.stderr
    assert subprocess.run([*command, "-service=none"], capture_output=True, timeout=_SECONDS).returncode != 0
    return "SERVING"


def h2load(server: RunningServer, scratch: Path) -> str:
    """Raw HTTP/2, four connections with eight streams each: every answer is 200."""
    command, environment = tools.h2load()
    body = scratch / "request.bin"
    request = _half_plus_two()
    body.write_bytes(b"\0" + struct.pack(">I", len(request)) + request)
    load = [*command, f"-n{_REQUESTS}", "-c4", "-m8", f"-d{body}", "-H", "content-type: application/grpc"]
    text = _output([*load, "-H", "te: trailers", f"http://{server.target}/{_PREDICT}"], environment)
    assert f"{_REQUESTS} succeeded, 0 failed, 0 errored" in text, text
    rate = re.search(r"([\d.]+) req/s", text)
    return f"{rate[1] if rate else '?'} requests/s"


def perf_analyzer(server: RunningServer, scratch: Path) -> str:
    """NVIDIA's load generator through TF Serving's own API."""
    command = tools.perf_analyzer()
    words = ["--service-kind", "tfserving", "-i", "grpc", "-u", server.target, "-m", "half_plus_two"]
    words += ["--shape", "x:1", "--model-signature-name", "serving_default", "-p", "1500", "-s", "50"]
    text = _output([*command, *words, "--concurrency-range", "4"])
    rate = re.search(r"Throughput: ([\d.]+) infer/sec", text)
    assert rate, text[-2000:]
    assert float(rate[1]) > 0, text[-2000:]
    return f"{rate[1]} inferences/s"


def triton_client(server: RunningServer, scratch: Path) -> str:
    """NVIDIA's client over KServe's v2 protocol, gRPC and HTTP."""
    tools.packages()
    tests = sorted((tools.ROOT / "tests" / "serving").glob("kserve/test_vendors_client.py"))
    if not tests:
        raise Missing("the part kserve was taken out")
    text = _output([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests[0])])
    assert "2 passed" in text, text[-2000:]
    return "2 passed"


ALL: Mapping[str, Callable[[RunningServer, Path], str]] = {
    "grpcurl (Go module)": grpcurl,
    "grpc-health-probe (Go module)": health_probe,
    "h2load (Debian, nghttp2-client)": h2load,
    "perf-analyzer (PyPI, NVIDIA)": perf_analyzer,
    "tritonclient (PyPI, NVIDIA)": triton_client,
}


def _half_plus_two() -> bytes:
    from tests.conformance.calls import predict_request, spec, tensor

    return predict_request(spec("half_plus_two"), x=tensor([2.0])).SerializeToString()


def _output(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, env=environment, cwd=tools.ROOT)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done.stdout + done.stderr
