"""A trained Keras model as a TF Lite file, from transformed features to predictions.

The transform is left out: its vocabularies and string operations do not fit a small device, and the file runs without
TensorFlow. The model is converted from a SavedModel with one signature, so that inputs and output keep their names;
they are float32 and int64 in every variant, including the quantised ones.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from statistics import median

import keras
import numpy as np
import tensorflow as tf

from trainer.export import archive
from trainer.export.lite_variants import Variant
from trainer.loop.precision import in_float32
from trainer.models.heads import Head

SIGNATURE = "serving_default"
Arrays = Mapping[str, np.ndarray]


def input_specs(model: keras.Model, features: Mapping[str, tf.TensorSpec]) -> dict[str, tf.TensorSpec]:
    """Those of ``features`` that the model reads.

    A functional model has named inputs. It accepts a dict with more keys, but pairs them by order and so mixes up the
    features. A subclassed model does not list its inputs, so it is traced once.

    Args:
        model: a built model.
        features: specs ``[None, *shape]`` by transformed feature.

    Raises:
        ValueError: the model reads an unknown feature.
    """
    if isinstance(getattr(model, "input", None), Mapping):
        missing = sorted(set(model.input) - set(features))
        if missing:
            raise ValueError(f"the model reads {missing[0]!r}, which is not a transformed feature: {sorted(features)}.")
        return {name: features[name] for name in sorted(model.input)}
    traced = tf.function(lambda tensors: model(tensors, training=False), autograph=False)
    names = sorted(features)
    specs = {name: tf.TensorSpec(features[name].shape, features[name].dtype, name=name) for name in names}
    function = traced.get_concrete_function(specs)
    # The graph's inputs come in the order of their names, before the model's variables.
    read = [name for name, tensor in zip(names, function.inputs, strict=False) if tensor.consumers()]
    return {name: features[name] for name in read}


def convert(
    *,
    model: keras.Model,
    head: Head,
    inputs: Mapping[str, tf.TensorSpec],
    variant: Variant,
    representative: Iterable[Arrays] = (),
) -> bytes:
    """Convert a model together with its head, so that the file yields the served output: probabilities or numbers.

    Args:
        model: from transformed features to logits, of any precision.
        head: predictions of the model's task.
        inputs: specs by feature, from `input_specs`.
        variant: ``float32``; ``float16`` weights; ``dynamic_range``, int8 weights and activations quantised at run
            time; or ``int8``, integer weights and activations.
        representative: batches of real features, from which ``int8`` learns the range of every activation.

    Returns:
        The file's content, deterministic for a model.

    Raises:
        ValueError: ``int8`` without representative examples.
    """
    batches = list(representative)
    if variant == "int8" and not any(len(array) for batch in batches for array in batch.values()):
        raise ValueError("an int8 model needs representative examples, and there are none.")

    plain = in_float32(model)

    def predict(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {head.output: head.predictions(plain(features, training=False))}

    specs = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in inputs.items()}
    with tempfile.TemporaryDirectory() as folder:
        archive.write(folder, {SIGNATURE: (predict, [specs])})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        if variant != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if variant == "int8":
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.representative_dataset = lambda: ((SIGNATURE, row) for row in _rows(batches))
        return converter.convert()


def _rows(batches: Iterable[Arrays]) -> Iterator[dict[str, np.ndarray]]:
    """Batches of one row: the calibrator needs equal shapes, and keeps all intermediate values of a batch in memory."""
    for batch in batches:
        for row in range(len(next(iter(batch.values())))):
            yield {name: array[row : row + 1] for name, array in batch.items()}


def interpreter(content: bytes) -> tf.lite.Interpreter:
    """An interpreter of a TF Lite file, the one that TensorFlow Model Analysis uses."""
    with warnings.catch_warnings():
        # TensorFlow announces the move to LiteRT; the files stay the same.
        warnings.simplefilter("ignore", UserWarning)
        return tf.lite.Interpreter(model_content=content)


def predict(content: bytes, features: Arrays) -> np.ndarray:
    """The predictions of a TF Lite file, float32 ``[batch, units]``, for transformed features ``[batch, *shape]``."""
    [output] = interpreter(content).get_signature_runner(SIGNATURE)(**features).values()
    return output


def microseconds_per_row(content: bytes, features: Arrays, *, repeats: int = 200) -> float:
    """The median time of a prediction for one row, in this process and on one thread."""
    runner = interpreter(content)
    names = runner.get_signature_list()[SIGNATURE]["inputs"]
    runner.allocate_tensors()
    for detail in runner.get_input_details():
        [name] = [name for name in names if detail["name"] == f"{SIGNATURE}_{name}:0"]
        runner.set_tensor(detail["index"], features[name][:1])
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        runner.invoke()
        times.append(time.perf_counter() - start)
    return median(times) * 1e6
