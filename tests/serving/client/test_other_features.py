"""Calls go on while the server changes to a version that takes other features."""

import asyncio
from contextlib import closing

import grpc
import numpy as np
import pytest

from serving.client import AsyncClient, Client
from serving.client.messages import tensors
from serving.client.messages.protos import message
from tests.serving.client.listening import listening


class Lenient(grpc.GenericRpcHandler):
    """A server of one version that answers with the names of the features it got."""

    def __init__(self):
        self.asked = []
        self.serve(1, "fare")

    def serve(self, version, *features, prefix=""):
        self.version, self.features, self.prefix = version, features, prefix

    def service(self, details):
        method = details.method.rpartition("/")[2]
        request = {"Classify": "ClassificationRequest", "Regress": "RegressionRequest"}.get(method, f"{method}Request")

        def answer(data, _):
            self.asked.append(method)
            parsed = message(f"tensorflow.serving.{request}")().FromString(data)
            return getattr(self, f"_{method.lower()}")(parsed).SerializeToString()

        return grpc.unary_unary_rpc_method_handler(answer)

    def _response(self, name):
        response = message(f"tensorflow.serving.{name}Response")()
        if name != "MultiInference":
            self._sign(response.model_spec)
        return response

    def _sign(self, spec, signature=""):
        spec.signature_name = signature
        if self.version is not None:
            spec.version.value = self.version

    def _getmodelmetadata(self, _):
        signatures = message("tensorflow.serving.SignatureDefMap")()
        for name in ("classify", "regress", "columnar"):
            signature = signatures.signature_def[name]
            signature.method_name = f"tensorflow/serving/{name}"
            for feature in self.features if name == "columnar" else ("inputs",):
                info = signature.inputs[feature]
                info.name, info.dtype = f"{self.prefix}{feature}:0", 1
                info.tensor_shape.dim.add(size=-1)
        response = self._response("GetModelMetadata")
        response.metadata["signature_def"].value = signatures.SerializeToString()
        return response

    def _predict(self, request):
        response = self._response("Predict")
        tensors.fill(response.outputs["got"], np.array(["+".join(sorted(request.inputs)).encode()], object))
        return response

    def _classify(self, request):
        response = self._response("Classification")
        response.result.classifications.add().classes.add(label=_got(request))
        return response

    def _regress(self, request):
        response = self._response("Regression")
        response.result.regressions.add(value=len(_got(request).split("+")))
        return response

    def _multiinference(self, request):
        response = self._response("MultiInference")
        result = response.results.add()
        self._sign(result.model_spec, "classify")
        result.classification_result.classifications.add().classes.add(label=_got(request))
        return response


def _got(request):
    (example,) = request.input.example_list.examples
    return "+".join(sorted(example.features.feature))


TRIP = [{"fare": 3.0, "miles": 2.0}]


@pytest.fixture(params=["sync", "asyncio"])
def calls(request):
    """A function that makes a call with either client, the same one each time, and the server."""
    handler = Lenient()
    with listening(handler) as address:
        if request.param == "sync":
            with Client(address) as client:
                yield lambda method, *arguments, **how: getattr(client, method)(*arguments, **how), handler
            return
        with closing(asyncio.new_event_loop()) as loop:
            run = loop.run_until_complete

            async def start():
                return AsyncClient(address)

            client = run(start())
            yield lambda method, *arguments, **how: run(getattr(client, method)(*arguments, **how)), handler
            run(client.close())


@pytest.mark.parametrize(
    ("method", "how", "rpc", "one", "two"),
    [
        ("predict", {}, "Predict", {"got": np.array([b"fare"])}, {"got": np.array([b"fare+miles"])}),
        ("classify", {}, "Classify", [[("fare", 0.0)]], [[("fare+miles", 0.0)]]),
        ("regress", {}, "Regress", np.array([1.0]), np.array([2.0])),
        ("multi_inference", {"classify": ["classify"]}, "MultiInference", {"classify": [[("fare", 0.0)]]},
         {"classify": [[("fare+miles", 0.0)]]}),
    ],
)  # fmt: skip
def test_a_version_with_another_feature_gets_it(calls, method, how, rpc, one, two):
    call, server = calls

    def asked(method, *arguments, **how):
        """The answer and which requests it took."""
        server.asked.clear()
        return call(method, *arguments, **how), server.asked[:]

    metadata = "GetModelMetadata"
    assert asked(method, "taxi", TRIP, **how) == (one, [metadata, rpc])
    assert asked(method, "taxi", TRIP, **how) == (one, [rpc])
    server.serve(2, "fare", "miles")
    assert asked(method, "taxi", TRIP, **how) == (two, [rpc, metadata, rpc])
    # The next one takes the same inputs by other tensors: the answer is valid.
    server.serve(3, "fare", "miles", prefix="serving_")
    assert asked(method, "taxi", TRIP, **how) == (two, [rpc, metadata])
    assert asked(method, "taxi", TRIP, **how) == (two, [rpc])
    # Other servers may not name their version.
    server.serve(None, "fare", "miles")
    assert asked(method, "taxi", TRIP, **how) == (two, [rpc])
