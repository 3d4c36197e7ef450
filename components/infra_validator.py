"""InfraValidator: loads the export as TF Serving would, asks it real examples, compares with the trained model.

The standard InfraValidator needs docker and a TF Serving image. This one starts another process that loads the
SavedModel with the v1 Session loader, the code that TF Serving runs, and emits the standard InfraBlessing.
"""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from components import infra_blessing
from serving.probe import Answers, ProbeFailed, probing
from trainer.export import COLUMNAR, TRANSFORM_FEATURES
from trainer.heads import PROBABILITY
from trainer.run_fn import KERAS_MODEL

# What the client, batch jobs and the Evaluator ask for.
REQUIRED_SIGNATURES = frozenset({"serving_default", COLUMNAR, TRANSFORM_FEATURES})


@component
def InfraValidator(  # noqa: N802 (TFX names components as classes)
    model: InputArtifact[standard_artifacts.Model],
    model_run: InputArtifact[standard_artifacts.ModelRun],
    transform_graph: InputArtifact[standard_artifacts.TransformGraph],
    examples: InputArtifact[standard_artifacts.Examples],
    blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    split: Parameter[str],
    num_examples: Parameter[int],
    tolerance: Parameter[float],
    timeout_seconds: Parameter[int],
    code: Parameter[str],
) -> None:
    """Bless the export if every signature answers real examples as the trained model does.

    Args:
        model: the export, from the Trainer.
        model_run: holds the trained Keras model, as it was before the export.
        transform_graph: from Transform.
        examples: raw examples, from ExampleGen.
        blessing: the verdict; not blessed is a verdict, too, and the Pusher refuses on it.
        split: which split the examples come from.
        num_examples: how many to send.
        tolerance: the largest absolute difference between two probabilities that passes.
        timeout_seconds: for loading and answering together.
        code: a digest of the sources that decide; it is there for the cache key alone.
    """
    [split_uri] = artifact_utils.get_split_uris([examples], split)
    records = read_records(split_uri, limit=num_examples)
    if not records:
        infra_blessing.write(blessing, model_id=model.id, reason=f"split {split} has no example to send")
        return
    saved_model = path_utils.serving_model_path(model.uri)
    try:
        with probing(saved_model, records, timeout_seconds=timeout_seconds) as answers:
            expected = trained_outputs(
                records, keras_model=f"{model_run.uri}/{KERAS_MODEL}", transform_graph=transform_graph.uri
            )
            reason = compare(answers(), expected, tolerance=tolerance)
    except ProbeFailed as error:
        reason = str(error)
    infra_blessing.write(blessing, model_id=model.id, reason=reason)


def read_records(folder: str, *, limit: int) -> list[bytes]:
    """The first ``limit`` serialized tf.Examples of a split's gzipped TFRecord files."""
    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    return list(tf.data.TFRecordDataset(files, compression_type="GZIP").take(limit).as_numpy_iterator())


def trained_outputs(records: list[bytes], *, keras_model: str, transform_graph: str) -> dict[str, np.ndarray]:
    """What the trained model says of ``records``, computed without the export.

    Args:
        records: serialized raw tf.Examples.
        keras_model: the Keras file that the trainer wrote before it exported.
        transform_graph: the Transform component's output.

    Returns:
        The transformed features by name, and the probability under `PROBABILITY`; each ``[records, 1]``.

    Raises:
        ProbeFailed: there is no Keras file.
    """
    if not tf.io.gfile.exists(keras_model):
        raise ProbeFailed(f"the trainer wrote no {KERAS_MODEL} into its model run to compare the export with")
    output = tft.TFTransformOutput(transform_graph)
    loader = saved_transform_io_v2.SavedModelLoader(output.transform_savedmodel_dir)
    raw = tf.io.parse_example(records, output.raw_feature_spec())
    transformed = dict(loader.apply_transform_model(raw))
    model = keras.models.load_model(keras_model)
    features = {name: transformed[name] for name in model.input}
    expected = {name: tensor.numpy() for name, tensor in transformed.items()}
    return {**expected, PROBABILITY: tf.sigmoid(model(features, training=False)).numpy()}


def compare(answers: Answers, expected: dict[str, np.ndarray], *, tolerance: float) -> str | None:
    """None where every output of every signature equals the trained model's; else one line that says where not."""
    missing = REQUIRED_SIGNATURES - set(answers)
    if missing:
        return f"the export lacks the signature {min(missing)}; it has {', '.join(sorted(answers)) or 'none'}"
    for signature, outputs in sorted(answers.items()):
        wanted = expected.keys() - {PROBABILITY} if signature == TRANSFORM_FEATURES else {PROBABILITY}
        if set(outputs) != wanted:
            return f"signature {signature} returns {sorted(outputs)}, not {sorted(wanted)}"
        for name, array in sorted(outputs.items()):
            if array.shape != expected[name].shape:
                return f"{name} of signature {signature} has shape {array.shape}, not {expected[name].shape}"
            difference = float(np.max(np.abs(array - expected[name]), initial=0.0))
            if not difference <= tolerance:
                return (
                    f"{name} of signature {signature} differs from the trained model by {difference:.3g}, "
                    f"{tolerance:g} is allowed"
                )
    return None
