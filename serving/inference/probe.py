"""Load a SavedModel as TF Serving would, in its own process, and call every signature.

A model that crashes its loader must not crash the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from serving.client.steps import COLUMNAR
from serving.inference import unusual_rows, warmup
from serving.inference.calls import DEFAULT_SIGNATURE
from serving.inference.cost import Cost, measure
from serving.inference.engine import SavedModel
from serving.inference.example_requests import prediction_logs, requests_for
from serving.inference.unusual_rows import UnusualRow
from serving.processes import process_context

# Output arrays by signature and output name.
Answers = dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What a model said.

    Attributes:
        answers: of every signature, to the records.
        cost: what it costs to serve.
        unusual: what the requested signatures said to rows that lack a column or have an extreme value.
    """

    answers: Answers
    cost: Cost
    unusual: Sequence[UnusualRow] = ()


class ProbeFailed(Exception):
    """The model did not load or did not answer; one line."""


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """Write a warm-up file and run it as a server would: with a failing file the model would not load.

    Attributes:
        signatures: names of the signatures to call.
        folder: gets the file at `warmup.WARMUP_FILE`.
    """

    signatures: Collection[str]
    folder: Path


@contextmanager
def probing(
    saved_model: str,
    records: Sequence[bytes],
    *,
    timeout_seconds: int,
    warm_up: WarmUp | None = None,
    requests: Collection[str] = (),
) -> Iterator[Callable[[], Probed]]:
    """Call every signature in another process while the caller does something else.

    Args:
        saved_model: folder of the SavedModel.
        records: serialized raw tf.Examples.
        timeout_seconds: int, for loading and answering together, from when the caller waits.
        warm_up: warm-up to write and run after the answers; None: none.
        requests: names of the signatures that are also sent rows that lack columns: each that the columnar signature
            takes, one at a time, and all of them.

    Yields:
        A function that waits for the process and returns what the model said. It raises `ProbeFailed` if the process
        failed, crashed or did not end in time.
    """
    context = process_context()
    receiver, sender = context.Pipe(duplex=False)
    arguments = (saved_model, list(records), warm_up, list(requests), sender)
    process = context.Process(target=_probe, args=arguments, daemon=True)
    process.start()
    sender.close()

    def probed() -> Probed:
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
        yield probed
    finally:
        process.kill()
        process.join()
        receiver.close()


def _probe(
    saved_model: str, records: list[bytes], warm_up: WarmUp | None, requests: list[str], sender: Connection
) -> None:
    try:
        model, cost = measure(Path(saved_model), lambda: SavedModel(saved_model), records, signature=DEFAULT_SIGNATURE)
        answers = {
            name: model.run(signature, requests_for(signature, records)) for name, signature in model.signatures.items()
        }
        if warm_up:
            warmup.write(prediction_logs(model.signatures, records, names=warm_up.signatures), warm_up.folder)
            warmup.replay(model, warm_up.folder)
        columns = list(model.signatures[COLUMNAR].inputs) if requests and COLUMNAR in model.signatures else []
        rows = unusual_rows.ask(model, records, columns=columns, signatures=requests)
        sender.send(Probed(answers=answers, cost=cost, unusual=rows))
    except Exception as error:  # noqa: BLE001 (any error is the verdict)
        sender.send(f"{type(error).__name__}: {' '.join(str(getattr(error, 'message', error)).split())}")
