"""The two gRPC servers with which ours is compared, written as one would without this project.

``naive`` is what a tutorial shows: `tf.saved_model.load`, the eager signature, ``make_ndarray`` and
``make_tensor_proto``, one thread pool. ``empty`` takes bytes and returns a fixed response without parsing anything: the
lowest cost of any server on ``grpc.server``.
"""

from __future__ import annotations

import argparse
import os
import queue
import signal
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

_SERVICE = "tensorflow.serving.PredictionService"
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]
# The default of the embedded server on two cores.
_THREADS = 8


def _naive(models: dict[str, Path]) -> grpc.RpcMethodHandler:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    loaded = {name: tf.saved_model.load(str(path)) for name, path in models.items()}

    def predict(request: Any, context: grpc.ServicerContext) -> Any:
        signature = loaded[request.model_spec.name].signatures[request.model_spec.signature_name or "serving_default"]
        inputs = {name: tf.constant(tf.make_ndarray(proto)) for name, proto in request.inputs.items()}
        if "column_0" in signature.structured_input_signature[1]:
            # Only the SignatureDef has the columns' own names, in whose order they are numbered.
            inputs = {f"column_{index}": inputs[name] for index, name in enumerate(sorted(inputs))}
        response = predict_pb2.PredictResponse(model_spec=request.model_spec)
        for name, value in signature(**inputs).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return response

    return grpc.unary_unary_rpc_method_handler(
        predict,
        request_deserializer=predict_pb2.PredictRequest.FromString,
        response_serializer=predict_pb2.PredictResponse.SerializeToString,
    )


def _empty(models: dict[str, Path]) -> grpc.RpcMethodHandler:
    # The size of the taxi model's PredictResponse for one row: 60 bytes.
    response = b"\x0a\x0d\x0a\x0bprobability" * 4
    return grpc.unary_unary_rpc_method_handler(lambda request, context: response)


_KINDS: dict[str, Callable[[dict[str, Path]], grpc.RpcMethodHandler]] = {"naive": _naive, "empty": _empty}


def main() -> None:
    """Print ``ready`` and the address, and serve until SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.serving.peers", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("kind", choices=_KINDS)
    parser.add_argument("--models", nargs="*", default=[], metavar="NAME=FOLDER", help="SavedModels, by name")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    models = {name: Path(path) for name, _, path in (pair.partition("=") for pair in options.models)}
    server = grpc.server(futures.ThreadPoolExecutor(_THREADS), options=_OPTIONS)
    handler = grpc.method_handlers_generic_handler(_SERVICE, {"Predict": _KINDS[options.kind](models)})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    stopped: queue.SimpleQueue[None] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda *_: stopped.put(None))
    server.start()
    print(f"ready 127.0.0.1:{port}", flush=True)
    stopped.get()
    server.stop(grace=None)


if __name__ == "__main__":
    main()
