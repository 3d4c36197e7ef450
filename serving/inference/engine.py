"""A SavedModel behind the v1 Session loader, the loader and executor that TF Serving uses.

``tf.saved_model.load`` would hide errors of TF Serving (Keras 3 variables that a Session does not see).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from itertools import chain

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2

from serving.client.messages import dtypes
from serving.errors import StatusError, from_tensorflow, invalid_argument
from serving.inference import callables
from serving.inference.servable import SignatureDef

# Holds the initialisation op; not a signature to call.
_INTERNAL_SIGNATURES = frozenset({"__saved_model_init_op"})
_LOOPS = frozenset({"While", "StatelessWhile", "LoopCond"})
# Every filtered set of outputs costs a compiled callable; above this many, all outputs are run.
_MOST_FILTERS = 32
# A run need not be cancellable if its deadline is this many times the time that runs have taken so far.
_SAFE_FACTOR, _SAFE_SECONDS = 10.0, 0.1
# TensorFlow's own text.
_TIMED_OUT = "Timed out waiting for notification"


class SavedModel:
    """One loaded version of a model; a `Servable`.

    Args:
        path: folder of the SavedModel.
        tags: tags of the meta graph to load.
        session_config: TensorFlow's own options, such as the number of threads.

    Raises:
        OSError: there is no SavedModel at ``path``.
        tf.errors.OpError: the model cannot be loaded.
    """

    def __init__(
        self, path: str, *, tags: Sequence[str] = ("serve",), session_config: config_pb2.ConfigProto | None = None
    ):
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=session_config)
        try:
            with self._session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(self._session, list(tags), path)
        except BaseException:
            self._session.close()
            raise
        self.signatures: Mapping[str, SignatureDef] = {
            name: definition
            for name, definition in meta_graph.signature_def.items()
            if name not in _INTERNAL_SIGNATURES
        }
        self._loops = has_loops(meta_graph.graph_def)
        self._own = {id(definition) for definition in self.signatures.values()}
        self._plans: dict[tuple[int, tuple[str, ...]], _Plan] = {}
        self._runs: dict[tuple[tuple[str, ...], tuple[str, ...]], _Run] = {}
        self._lock = threading.Lock()

    def run(
        self,
        signature: SignatureDef,
        inputs: Mapping[str, np.ndarray],
        *,
        output_filter: Collection[str] = (),
        timeout_seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
        """See `Servable.run`.

        With a deadline far above the time of earlier runs, a run is not cancellable, unless the graph has loops: their
        time depends on the values.
        """
        plan = self._plan(signature, tuple(output_filter))
        arrays = plan.arrays(inputs)
        try:
            values = plan.run(arrays, timeout_seconds)
        except tf.errors.OpError as error:
            raise from_tensorflow(error) from None
        return plan.named(values)

    def close(self) -> None:
        """Free the session; no call may be running."""
        self._plans.clear()
        self._runs.clear()
        self._session.close()

    def _plan(self, signature: SignatureDef, output_filter: tuple[str, ...]) -> _Plan:
        key = (id(signature), output_filter)
        plan = self._plans.get(key)
        if plan is None:
            check_filter(signature, output_filter)
            fetched = output_filter if len(self._plans) < _MOST_FILTERS else ()
            fetched = fetched or tuple(sorted(signature.outputs))
            plan = _Plan(signature, fetched=fetched, wanted=output_filter or fetched, run=self._run(signature, fetched))
            # Another signature may get the id of one that was made for a single request.
            if id(signature) in self._own and len(self._plans) < _MOST_FILTERS + len(self._own):
                self._plans[key] = plan
        return plan

    def _run(self, signature: SignatureDef, fetched: tuple[str, ...]) -> _Run:
        feeds = tuple(signature.inputs[name].name for name in sorted(signature.inputs))
        fetches = tuple(signature.outputs[name].name for name in fetched)
        with self._lock:
            if (feeds, fetches) not in self._runs:
                self._runs[feeds, fetches] = _Run(self._session, feeds, fetches, trusted=not self._loops)
            return self._runs[feeds, fetches]


class _Run:
    """Runs one set of tensors, in the caller's thread if the deadline leaves plenty of time."""

    def __init__(
        self, session: tf.compat.v1.Session, feeds: tuple[str, ...], fetches: tuple[str, ...], *, trusted: bool
    ):
        self._trusted = trusted
        self._fast = callables.in_callers_thread(session, feeds=feeds, fetches=fetches)
        self._within = callables.within(session, feeds=feeds, fetches=fetches)
        self._slowest: float | None = None

    def __call__(self, arrays: Sequence[np.ndarray], timeout_seconds: float | None) -> list[np.ndarray]:
        start = time.perf_counter()
        if timeout_seconds is None or self._ends_within(timeout_seconds):
            values = self._fast(arrays)
        else:
            milliseconds = int(1000 * timeout_seconds)
            if milliseconds <= 0:
                raise StatusError(grpc.StatusCode.DEADLINE_EXCEEDED, _TIMED_OUT)
            values = self._within(arrays, milliseconds)
        seconds = time.perf_counter() - start
        self._note(seconds)
        if timeout_seconds is not None and seconds > timeout_seconds:
            raise StatusError(grpc.StatusCode.DEADLINE_EXCEEDED, _TIMED_OUT)
        return values

    def _ends_within(self, timeout_seconds: float) -> bool:
        return (
            self._trusted
            and self._slowest is not None
            and timeout_seconds > _SAFE_FACTOR * self._slowest + _SAFE_SECONDS
        )

    def _note(self, seconds: float) -> None:
        # The slowest time decays, since the first run of a graph also optimises it.
        self._slowest = seconds if self._slowest is None else max(seconds, 0.9 * self._slowest)


class _Plan:
    """The checks, feeds and results for one signature and one set of wanted outputs."""

    def __init__(self, signature: SignatureDef, *, fetched: tuple[str, ...], wanted: tuple[str, ...], run: _Run):
        self._signature = signature
        self._expected = [
            (name, np.dtype(tf.dtypes.as_dtype(signature.inputs[name].dtype).as_numpy_dtype))
            for name in sorted(signature.inputs)
        ]
        self._fetched, self._wanted = fetched, wanted
        # A session returns quantized values as plain integers.
        self._quantized = {
            name: dtypes.numpy_dtype(signature.outputs[name].dtype)
            for name in wanted
            if dtypes.is_quantized(signature.outputs[name].dtype)
        }
        self.run = run

    def arrays(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The inputs in the order of the feeds; StatusError if they do not fit."""
        if len(inputs) == len(self._expected):
            try:
                arrays = [inputs[name] for name, _ in self._expected]
            except KeyError:
                arrays = []
            if arrays and all(array.dtype == dtype for array, (_, dtype) in zip(arrays, self._expected, strict=True)):
                return arrays
        check_names(self._signature, inputs)
        complete = with_defaults(self._signature, inputs)
        check_dtypes(self._signature, complete)
        return [complete[name] for name, _ in self._expected]

    def named(self, values: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """The wanted outputs by name."""
        outputs = dict(zip(self._fetched, values, strict=True))
        for name, dtype in self._quantized.items():
            outputs[name] = outputs[name].view(dtype)
        return outputs if self._wanted is self._fetched else {name: outputs[name] for name in self._wanted}


def has_loops(graph: graph_pb2.GraphDef) -> bool:
    """Whether the graph, or a function in it, has loops."""
    functions = (node for function in graph.library.function for node in function.node_def)
    return any(node.op in _LOOPS for node in chain(graph.node, functions))


def check_filter(signature: SignatureDef, output_filter: Collection[str]) -> None:
    """Raise StatusError if an output is unknown or named twice (servables/tensorflow/predict_util.cc)."""
    seen: set[str] = set()
    for name in output_filter:
        if name not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{{{','.join(sorted(signature.outputs))}}}."
            )
        if name in seen:
            raise invalid_argument(f"duplicate output tensor alias: {name}")
        seen.add(name)


def with_defaults(signature: SignatureDef, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inputs, with the signature's default values for those that are not sent."""
    defaults = {name: tf.make_ndarray(proto) for name, proto in signature.defaults.items() if name not in inputs}
    return {**defaults, **inputs}


def check_names(signature: SignatureDef, sent: Collection[str]) -> None:
    """Raise StatusError if there are extra inputs, or missing ones without a default value.

    The texts are those of servables/tensorflow/predict_util.cc and tensorflow/cc/saved_model/util.cc.
    """
    wanted, sent = signature.inputs.keys(), set(sent)
    if sent == wanted:
        return
    missing, extra = wanted - sent, sent - wanted
    if len(sent) > len(wanted) or (len(sent) < len(wanted) and not signature.defaults):
        raise invalid_argument(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{_join(sent)}}}) != "
            f"len({{{_join(wanted)}}}). Sent extra: {{{_join(extra)}}}. Missing but required: {{{_join(missing)}}}."
        )
    for name in sorted(missing - signature.defaults.keys()):
        raise invalid_argument(
            f"Signature input alias: {name}(feed name: {signature.inputs[name].name}) not found in request and no "
            f"default value provided. Inputs expected to be in the request {{{_join(sent)}}}, or default input alias "
            f"set: {_join(signature.defaults)}"
        )
    if extra:
        raise invalid_argument(
            f"Inputs contains invalid name. Used request inputs: {_join(sent - extra)}, request input: {_join(sent)}"
        )


def check_dtypes(signature: SignatureDef, inputs: Mapping[str, np.ndarray]) -> None:
    """Raise StatusError if an input has another dtype than in ``signature``; the graph checks the shapes."""
    for index, name in enumerate(sorted(inputs)):
        dtype, sent_dtype = tf.dtypes.as_dtype(signature.inputs[name].dtype), tf.dtypes.as_dtype(inputs[name].dtype)
        if sent_dtype != dtype:
            raise invalid_argument(f"Expects arg[{index}] to be {_name(dtype)} but {_name(sent_dtype)} is provided")


def _join(names: Collection[str]) -> str:
    return ",".join(sorted(names))


def _name(dtype: tf.DType) -> str:
    """The C++ name of a dtype (tensorflow/core/framework/types.cc)."""
    return {"float32": "float", "float64": "double"}.get(dtype.name, dtype.name)
