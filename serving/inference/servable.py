"""The interface of one loaded version of a model; batching wraps one in another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2

SignatureDef = meta_graph_pb2.SignatureDef


class Servable(Protocol):
    """One loaded version of a model. Thread-safe.

    Attributes:
        signatures: the signatures to call, by name.
    """

    signatures: Mapping[str, SignatureDef]

    def run(
        self,
        signature: SignatureDef,
        inputs: Mapping[str, np.ndarray],
        *,
        output_filter: Collection[str] = (),
        timeout_seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Run one signature.

        Args:
            signature: one of ``signatures``, or one made of their tensors.
            inputs: an array for every input of the signature, strings as object arrays of bytes.
            output_filter: names of the wanted outputs; empty: all.
            timeout_seconds: float, time after which the run is cancelled; None: never.

        Raises:
            StatusError: INVALID_ARGUMENT for missing, extra or mistyped inputs, and for an output that is unknown or
                named twice; DEADLINE_EXCEEDED; else the graph's own status.
        """
        ...

    def close(self) -> None:
        """Free its memory; no call may be running."""
        ...


@dataclass(frozen=True, kw_only=True)
class Handle:
    """A version held for one request.

    Attributes:
        name: the model's name.
        version: the version's number.
        servable: runs its signatures.
    """

    name: str
    version: int
    servable: Servable
