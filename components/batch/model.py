"""The served model, and the answers of its columnar signature to many rows, of which some may be refused."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from tensorflow.python.saved_model.loader_impl import parse_saved_model

from components.refusal import GateRefused
from serving.client.messages.examples import Features, features_of_signature
from serving.client.steps import COLUMNAR
from serving.errors import StatusError
from serving.inference.engine import SavedModel
from serving.inference.servable import SignatureDef

Arrays = Mapping[str, np.ndarray]


def signature_of(saved_model: str) -> SignatureDef:
    """The columnar signature, without loading the model.

    Raises:
        GateRefused: the folder holds no model that can be read, or the model has no such signature.
    """
    try:
        parsed: Any = parse_saved_model(saved_model)
    except OSError as error:
        raise GateRefused(f"{saved_model} is no SavedModel that can be read ({error})") from None
    served = (graph.signature_def for graph in parsed.meta_graphs if "serve" in graph.meta_info_def.tags)
    signatures = next(served, {})
    if COLUMNAR not in signatures:
        has = ", ".join(sorted(signatures)) or "none"
        raise GateRefused(f"{saved_model} has no signature {COLUMNAR}, which takes raw columns; it has {has}")
    return signatures[COLUMNAR]


@dataclass(frozen=True)
class Answers:
    """What the model said.

    Attributes:
        outputs: by name, ``[rows that it took, ...]``; empty if it took none.
        reasons: why it refused the others, by index.
    """

    outputs: Arrays
    reasons: Mapping[int, str]


class Scorer:
    """A loaded model. Thread-safe.

    Args:
        saved_model: its folder.
    """

    def __init__(self, saved_model: str):
        self._model = SavedModel(saved_model)
        # At the latest before the interpreter ends: TensorFlow cannot free a session afterwards.
        weakref.finalize(self, self._model.close)
        self._signature = self._model.signatures[COLUMNAR]
        self.features: Features = features_of_signature(self._signature)

    def answers(self, inputs: Arrays) -> Answers:
        """Run the signature, and if it refuses, its halves, so that one row does not cost the others.

        Raises:
            StatusError: the run failed, and not for what the rows hold.
        """
        reasons: dict[int, str] = {}
        parts = self._parts(inputs, 0, len(next(iter(inputs.values()))), reasons)
        names = parts[0] if parts else ()
        return Answers({name: np.concatenate([part[name] for part in parts]) for name in names}, reasons)

    def _parts(self, inputs: Arrays, first: int, stop: int, reasons: dict[int, str]) -> list[dict[str, np.ndarray]]:
        try:
            return [self._model.run(self._signature, {name: array[first:stop] for name, array in inputs.items()})]
        except StatusError as error:
            if error.code != grpc.StatusCode.INVALID_ARGUMENT:
                raise
            text = error.text
        except UnicodeDecodeError as error:
            # TensorFlow's Python raises it in place of a status that quotes bytes that are no text.
            text = error.object.decode(errors="backslashreplace")
        if stop - first == 1:
            reasons[first] = " ".join(text.split())
            return []
        middle = (first + stop) // 2
        return [*self._parts(inputs, first, middle, reasons), *self._parts(inputs, middle, stop, reasons)]
