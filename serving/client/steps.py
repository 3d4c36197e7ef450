"""The calls behind each method and their order, without sending them: generators that both clients drive.

A generator yields calls, to be sent one after the other or at the same time, and receives the responses in their
order. Calls are made one by one as they are taken, so that few of many chunks are in memory. Errors are thrown into
it. Its return value is the caller's answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from serving.client.call_options import CallSettings
from serving.client.errors import InvalidRequest
from serving.client.messages import dtypes, requests
from serving.client.messages.columns import Row, check_present
from serving.client.messages.examples import Features, columns, features_of_signature, serialize, takes_examples
from serving.client.messages.requests import ModelRef, Rpc

T = TypeVar("T")
Steps = Generator[Iterable[Rpc], list[Any], T]
COLUMNAR = "columnar"
DEFAULT = "serving_default"


@dataclass(frozen=True)
class Known:
    """The metadata of a model.

    Attributes:
        version: int, the version they were read from.
        signatures: SignatureDef messages by name.
    """

    version: int
    signatures: dict[str, Any]


SignatureCache = dict[ModelRef, Known]


def one(call: Rpc, read: Callable[[Any], T]) -> Steps[T]:
    """A single call."""
    (response,) = yield [call]
    return read(response)


def signatures(cache: SignatureCache, model: ModelRef) -> Steps[dict[str, Any]]:
    """Request the signatures, even if they are cached, and cache them."""
    return (yield from _read(cache, model)).signatures


def predict_arrays(settings: CallSettings, inputs: Mapping[str, np.ndarray]) -> Steps[dict[str, np.ndarray]]:
    """Send arrays as they are, in chunks of their first dimension."""
    if settings.schema is not None:
        raise ValueError("arrays are sent as they are; a schema is only for rows")
    arrays = {name: np.asarray(array) for name, array in inputs.items()}
    signature = settings.signature or DEFAULT
    if settings.chunk_rows is None:
        return (yield from one(requests.predict(settings.model, signature, arrays), requests.predicted))
    counts = {len(array) for array in arrays.values() if array.ndim}
    if len(counts) != 1 or not all(array.ndim for array in arrays.values()):
        raise ValueError("inputs in chunks need the same first dimension")
    (count,) = counts

    def calls() -> Iterator[Rpc]:
        for part in _parts(count, settings.chunk_rows):
            yield requests.predict(settings.model, signature, {name: array[part] for name, array in arrays.items()})

    return joined([requests.predicted(response) for response in (yield calls())])


def predict(cache: SignatureCache, settings: CallSettings, rows: Sequence[Row]) -> Steps[dict[str, np.ndarray]]:
    """Send rows as columns or as tf.Examples, whichever the signature takes."""

    def calls(signatures: dict[str, Any]) -> Iterator[Rpc]:
        name = settings.signature or (COLUMNAR if settings.schema is None and COLUMNAR in signatures else DEFAULT)
        signature = _signature(settings.model, signatures, name)
        serialized = [key for key, info in signature.inputs.items() if dtypes.numpy_dtype(info.dtype).hasobject]
        texts_alone = len(signature.inputs) == 1 and bool(serialized)
        if settings.schema is not None and not texts_alone:
            raise ValueError(f"signature {name!r} takes no tf.Examples, so it needs no schema")
        if texts_alone and (settings.schema is not None or takes_examples(signature)):
            features = example_features(settings.model, settings.schema, signatures)
            for first, part in _chunks(rows, settings, features):
                examples = np.array(serialize(part, features, first=first), object)
                yield requests.predict(settings.model, name, {serialized[0]: examples})
            return
        features = features_of_signature(signature)
        for first, part in _chunks(rows, settings, features):
            yield requests.predict(settings.model, name, columns(part, features, first=first))

    responses = yield from _asked(cache, settings.model, calls)
    return joined([requests.predicted(response) for response in responses])


def classify(
    cache: SignatureCache, settings: CallSettings, rows: Sequence[Row]
) -> Steps[list[list[tuple[str, float]]]]:
    """Send rows as tf.Examples to a classify signature."""
    responses = yield from _asked(
        cache, settings.model, lambda found: _inference(settings, rows, found, requests.CLASSIFY, requests.classify)
    )
    return [row for response in responses for row in requests.classified(response.result)]


def regress(cache: SignatureCache, settings: CallSettings, rows: Sequence[Row]) -> Steps[np.ndarray]:
    """Send rows as tf.Examples to a regress signature."""
    responses = yield from _asked(
        cache, settings.model, lambda found: _inference(settings, rows, found, requests.REGRESS, requests.regress)
    )
    return np.concatenate([requests.regressed(response.result) for response in responses])


def multi_inference(
    cache: SignatureCache,
    settings: CallSettings,
    rows: Sequence[Row],
    *,
    classify: Sequence[str],
    regress: Sequence[str],
) -> Steps[dict[str, Any]]:
    """Send rows as tf.Examples to several signatures at once."""
    if settings.signature is not None:
        raise ValueError("several signatures are called; name them in classify and regress")
    methods = {name: requests.CLASSIFY for name in classify} | {name: requests.REGRESS for name in regress}

    def calls(signatures: dict[str, Any]) -> Iterator[Rpc]:
        features = example_features(settings.model, settings.schema, signatures)
        for first, part in _chunks(rows, settings, features):
            yield requests.multi_inference(settings.model, methods, serialize(part, features, first=first))

    # All tasks are answered by one version.
    responses = yield from _asked(cache, settings.model, calls, lambda response: response.results[0].model_spec)
    parts = [requests.multi_inferred(response) for response in responses]
    return {
        name: np.concatenate([part[name] for part in parts])
        if isinstance(first, np.ndarray)
        else [row for part in parts for row in part[name]]
        for name, first in parts[0].items()
    }


def _read(cache: SignatureCache, model: ModelRef) -> Steps[Known]:
    cache[model] = yield from one(
        requests.metadata(model),
        lambda response: Known(response.model_spec.version.value, requests.signatures(response)),
    )
    return cache[model]


def _asked(
    cache: SignatureCache,
    model: ModelRef,
    calls: Callable[[dict[str, Any]], Iterable[Rpc]],
    spec: Callable[[Any], Any] = attrgetter("model_spec"),
) -> Steps[list[Any]]:
    """The responses to calls made from the cached signatures; repeated if these are out of date.

    A version with other inputs may refuse the calls, or answer as if the new inputs were missing.

    Args:
        cache: signatures by model.
        model: the model to call.
        calls: makes the calls from the signatures.
        spec: gets the ModelSpec of a response, which names the version that answered.
    """
    cached = cache.get(model)
    known = cached or (yield from _read(cache, model))
    try:
        responses = yield calls(known.signatures)
    except (InvalidRequest, ValueError):
        if cached is None:
            raise
        fresh = yield from _read(cache, model)
        if fresh.signatures == known.signatures:
            raise
    else:
        if all(_answered_by(known.version, spec(response)) for response in responses):
            return responses
        fresh = yield from _read(cache, model)
        if _inputs(fresh.signatures) == _inputs(known.signatures):
            return responses
    return (yield calls(fresh.signatures))


def _answered_by(version: int, spec: Any) -> bool:
    return spec.version.value == version or not spec.HasField("version")


def _inputs(signatures: Mapping[str, Any]) -> dict[str, Any]:
    """What calls depend on; tensor names do not count, since every export may choose new ones."""
    return {
        name: (signature.method_name, {key: (info.dtype, info.tensor_shape) for key, info in signature.inputs.items()})
        for name, signature in signatures.items()
    }


def _inference(
    settings: CallSettings,
    rows: Sequence[Row],
    signatures: dict[str, Any],
    method: str,
    make: Callable[[ModelRef, str, Sequence[bytes]], Rpc],
) -> Iterator[Rpc]:
    name = settings.signature or _of_method(settings.model, signatures, method)
    features = example_features(settings.model, settings.schema, signatures)
    for first, part in _chunks(rows, settings, features):
        yield make(settings.model, name, serialize(part, features, first=first))


def _signature(model: ModelRef, signatures: Mapping[str, Any], name: str) -> Any:
    if name not in signatures:
        raise ValueError(f"model {model.name} has no signature {name!r}; it has {', '.join(sorted(signatures))}")
    return signatures[name]


def _of_method(model: ModelRef, signatures: Mapping[str, Any], method: str) -> str:
    names = sorted(name for name, signature in signatures.items() if signature.method_name == method)
    if DEFAULT in names:
        return DEFAULT
    if len(names) != 1:
        raise ValueError(f"model {model.name} has {len(names)} signatures of {method}; name one {names or ''}".rstrip())
    return names[0]


def example_features(model: ModelRef, schema: Features | None, signatures: Mapping[str, Any]) -> Features:
    """The features of tf.Examples: those of the schema, else those of the model's columnar signature."""
    if schema is not None:
        return schema
    if COLUMNAR not in signatures:
        raise ValueError(f"model {model.name} does not name its features; give a schema to make tf.Examples")
    return features_of_signature(signatures[COLUMNAR])


def _chunks(rows: Sequence[Row], settings: CallSettings, features: Features) -> Iterator[tuple[int, Sequence[Row]]]:
    """The rows of each request, and the number of the first one."""
    if isinstance(rows, (Mapping, str)) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError("rows must be a list of dicts, one per row")
    if settings.strict:
        for index, row in enumerate(rows):
            unknown = sorted(set(row) - set(features))
            if unknown:
                raise ValueError(f"row {index}: {', '.join(unknown)}: the model has no such feature")
    for name, feature in features.items():
        if feature.holds.required:
            check_present([row.get(name) for row in rows], name)
    for part in _parts(len(rows), settings.chunk_rows):
        yield part.start, rows[part]


def _parts(count: int, size: int | None) -> Iterator[slice]:
    """Slices of at most ``size``; without rows a single empty one, since the model shapes the empty answer."""
    if size is None or not count:
        yield slice(0, count)
        return
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def joined(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The outputs of several requests, joined."""
    if len(parts) == 1:
        return parts[0]
    if any(not array.ndim for array in parts[0].values()):
        raise ValueError("an output has no row dimension, so the model cannot be called in chunks")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
