"""Load a SavedModel as TF Serving would and ask every signature: ``python -m serving.probe``.

Infra validation runs this in a process of its own, so that a model that crashes its loader cannot take the
pipeline with it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from serving.client.columns import column
from serving.engine import SavedModel, SignatureDef


def requests_for(signature: SignatureDef, records: Sequence[bytes]) -> dict[str, np.ndarray]:
    """The inputs of one signature, made from serialized tf.Examples.

    Args:
        signature: takes either serialized examples in its only input, or one ``[batch]`` column per feature.
        records: serialized tf.Examples.
    """
    if list(signature.inputs) == ["examples"]:
        return {"examples": np.array(records, dtype=object)}
    rows = [_row(record) for record in records]
    dtypes = {name: tf.dtypes.as_dtype(info.dtype).as_numpy_dtype for name, info in signature.inputs.items()}
    return {name: column(rows, name, np.dtype(dtype)) for name, dtype in dtypes.items()}


def _row(record: bytes) -> dict[str, object]:
    features = tf.train.Example.FromString(record).features.feature
    row = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else []
        if values:
            row[name] = values[0]
    return row


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask and write ``signature/output`` arrays; the last line of stderr says what failed, exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("saved_model")
    parser.add_argument("requests", help="TFRecord file of serialized tf.Examples")
    parser.add_argument("outputs", help="npz file to write")
    options = parser.parse_args(arguments)
    records = list(tf.data.TFRecordDataset(options.requests).as_numpy_iterator())
    try:
        model = SavedModel(options.saved_model)
        answers = {}
        for name, signature in sorted(model.signatures.items()):
            for output, array in model.run(signature, requests_for(signature, records)).items():
                answers[f"{name}/{output}"] = array
    except (OSError, tf.errors.OpError) as error:
        text = " ".join(str(getattr(error, "message", error)).split())
        print(f"{type(error).__name__}: {text}", file=sys.stderr)
        return 1
    np.savez(options.outputs, **answers)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(main())
