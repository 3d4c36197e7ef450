"""Load a SavedModel as TF Serving would, in a process of its own, and ask every signature.

A model that crashes its loader must not take the caller with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np
import tensorflow as tf

from serving.client.columns import column
from serving.engine import SavedModel, SignatureDef
from serving.processes import process_context

# The names of an input that takes serialized tf.Examples; the second is that of Classify and Regress.
_SERIALIZED = ({"examples"}, {"inputs"})
# Output arrays by signature and output name.
Answers = dict[str, dict[str, np.ndarray]]


class ProbeFailed(Exception):
    """The model did not load or did not answer; one line."""


@contextmanager
def probing(saved_model: str, records: Sequence[bytes], *, timeout_seconds: int) -> Iterator[Callable[[], Answers]]:
    """Ask every signature in another process, while the caller does something else.

    Args:
        saved_model: the folder.
        records: serialized raw tf.Examples.
        timeout_seconds: for loading and answering together, counted from when the caller waits.

    Yields:
        A function that waits for the process and returns the answers. It raises `ProbeFailed` where the process
        failed, crashed or did not end in time.
    """
    context = process_context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_probe, args=(saved_model, list(records), sender), daemon=True)
    process.start()
    sender.close()

    def answers() -> Answers:
        try:
            if not receiver.poll(timeout_seconds):
                raise ProbeFailed(f"the export did not load and answer within {timeout_seconds} s")
            result = receiver.recv()
        except EOFError:
            process.join()
            raise ProbeFailed(f"the export crashes its loader (exit code {process.exitcode})") from None
        if isinstance(result, str):
            raise ProbeFailed(f"the export fails as TF Serving would load it: {result[:300].rstrip()}")
        return result

    try:
        yield answers
    finally:
        process.kill()
        process.join()
        receiver.close()


def _probe(saved_model: str, records: list[bytes], sender: Connection) -> None:
    try:
        model = SavedModel(saved_model)
        sender.send(
            {
                name: model.run(signature, requests_for(signature, records))
                for name, signature in model.signatures.items()
            }
        )
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the verdict)
        sender.send(f"{type(error).__name__}: {' '.join(str(getattr(error, 'message', error)).split())}")


def requests_for(signature: SignatureDef, records: Sequence[bytes]) -> dict[str, np.ndarray]:
    """The inputs of one signature, made from serialized tf.Examples.

    Args:
        signature: takes either serialized examples in its only input, or one column per feature.
        records: serialized tf.Examples.
    """
    if set(signature.inputs) in _SERIALIZED:
        return {name: np.array(records, dtype=object) for name in signature.inputs}
    rows = [_row(record) for record in records]
    return {
        name: column(
            rows,
            name,
            np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype),
            shape=[dimension.size for dimension in info.tensor_shape.dim[1:]],
        )
        for name, info in signature.inputs.items()
    }


def _row(record: bytes) -> dict[str, object]:
    features = tf.train.Example.FromString(record).features.feature
    row = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else []
        if values:
            row[name] = values[0] if len(values) == 1 else list(values)
    return row
