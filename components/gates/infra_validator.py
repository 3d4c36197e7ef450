"""InfraValidator: loads the export as TF Serving does, sends it real examples, compares it with the trained model.

Among the examples are those on which the Evaluator found the model worst. It also sends rows that lack each of the raw
columns, as callers will: the answer must be what the trained model makes of a missing value, or a refusal that names
the column.

The standard InfraValidator needs docker and a TF Serving image. This one starts another process that loads the
SavedModel with the v1 Session loader, the code that TF Serving runs, and emits the standard InfraBlessing. That process
also makes and tries the warm-up requests of the served model.
"""

from pathlib import Path

from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from components.annotations import InputArtifact, OptionalInputArtifact, OutputArtifact, Parameter
from components.example_gen.shards import read_records
from components.gates import infra_blessing, judged
from components.gates.budgets import Budgets
from components.gates.model.mistakes import worst_records
from components.gates.model.scored_rows import ScoredRows
from components.gates.trained_model import SERVING_DEFAULT, TrainedModel, compare
from components.gates.unusual_rows import judge
from components.refusal import GateRefused
from serving.inference.probe import ProbeFailed, WarmUp, probing
from trainer.export.saved_model import CLASSIFY, COLUMNAR, REGRESS
from trainer.parameters import KERAS_MODEL, Label

# The signatures that clients call; only the evaluation calls the one for transformed features.
REQUESTED = (SERVING_DEFAULT, COLUMNAR, CLASSIFY, REGRESS)


@component
def InfraValidator(  # noqa: N802 (TFX names components as classes)
    model: InputArtifact[standard_artifacts.Model],
    transform_graph: InputArtifact[standard_artifacts.TransformGraph],
    examples: InputArtifact[standard_artifacts.Examples],
    blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    label: Parameter[str],
    split: Parameter[str],
    num_examples: Parameter[int],
    tolerance: Parameter[float],
    timeout_seconds: Parameter[int],
    warmup: Parameter[int],
    code: Parameter[str],
    budgets: Parameter[str] = "{}",
    evaluation: OptionalInputArtifact[standard_artifacts.ModelEvaluation] = None,
    num_worst: Parameter[int] = 0,
) -> None:
    """Refuse the export unless every signature answers real examples as the trained model, also without a column.

    Args:
        model: the Trainer's output: the export, and the trained Keras model as it was before the export.
        transform_graph: Transform's output.
        examples: raw examples from ExampleGen.
        blessing: the verdict, and the warm-up file that the Pusher puts into the served version.
        label: a `trainer.parameters.Label` as JSON; its task decides which signatures the export must have.
        split: name of the split to take examples from.
        num_examples: number of examples to send.
        tolerance: largest accepted difference of an output, absolute for values up to 1 and relative above.
        timeout_seconds: limit for loading and answering together, in seconds.
        warmup: 1 to write a warm-up file of one example, 0 for none.
        budgets: a `components.gates.budgets.Budgets` as JSON.
        evaluation: the Evaluator's output; None to send no row for its answer's sake.
        num_worst: number of examples to send, besides, of those on which the model was farthest from the truth.
        code: digest of the sources that decide; only for the cache key.

    Raises:
        GateRefused: an answer differs, a signature is missing, or a budget is exceeded.
    """
    [split_uri] = artifact_utils.get_split_uris([examples], split)
    records = read_records(split_uri, limit=num_examples)
    if not records:
        raise GateRefused(f"split {split} has no examples to send")
    parsed = Label.model_validate_json(label)
    rows = ScoredRows.load(evaluation.uri) if evaluation is not None else None
    if rows is not None:
        records = [*records, *worst_records(rows, task=parsed.task, most=num_worst)]
    judged.record(blessing, model=model)
    saved_model = path_utils.serving_model_path(model.uri)
    warm_up = WarmUp(signatures=REQUESTED, folder=Path(blessing.uri)) if warmup else None
    try:
        with probing(
            saved_model, records, timeout_seconds=timeout_seconds, warm_up=warm_up, requests=REQUESTED
        ) as probed:
            trained = TrainedModel(
                label=parsed,
                keras_model=f"{model.uri}/{KERAS_MODEL}",
                transform_graph=transform_graph.uri,
            )
            expected = trained.answers(records)
            said = probed()
            reason = (
                compare(said.answers, expected, tolerance=tolerance)
                or judge(said.unusual, trained, tolerance=tolerance)
                or Budgets.model_validate_json(budgets).exceeded(said.cost)
            )
    except ProbeFailed as error:
        reason = str(error)
    # A pusher of another make finds the verdict in the artifact alone.
    infra_blessing.write(blessing, model_id=model.id, reason=reason)
    if reason:
        raise GateRefused(reason)
