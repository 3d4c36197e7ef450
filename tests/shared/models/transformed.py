"""A small data set as the Transform component leaves it, and the parameters of a training on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainer.parameters import Parameters

PARAMETERS = Parameters(
    label={"column": "y"},
    features={"x": "number", "kind": {"kind": "category", "top_k": 5}},
    model={"embedding_dim": 2, "hidden_units": [4], "dropout": 0.1},
    loop={"global_batch_size": 32, "epochs": 4, "steps_per_loop": 5, "jit_compile": False},
)


def write_data(folder: Path, *, rows: int = 300) -> None:
    """Analyse and transform for real, and write everything in the layout of the Transform component."""
    import tensorflow as tf

    from tests.shared.models import exports

    generator = np.random.default_rng(0)
    x, kinds = generator.normal(size=rows), generator.choice(["a", "b", "c"], rows)
    noise = generator.normal(scale=0.5, size=rows)
    data = [
        {"x": float(x[i]), "kind": str(kinds[i]), "y": int(x[i] + (kinds[i] == "a") + noise[i] > 0.5)}
        for i in range(rows)
    ]
    types = {"x": tf.float32, "kind": tf.string, "y": tf.int64}
    spec = {name: tf.io.FixedLenFeature([1], kind) for name, kind in types.items()}
    exports.transform(data, spec, PARAMETERS, folder)
    records = tf.data.TFRecordDataset(str(folder / "transformed.gz"), "GZIP")
    for split, part in (("train", records.take(rows // 2)), ("eval", records.skip(rows // 2))):
        (folder / "examples" / f"Split-{split}").mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / "examples" / f"Split-{split}" / "part.gz"), "GZIP") as writer:
            for record in part.as_numpy_iterator():
                writer.write(record)
