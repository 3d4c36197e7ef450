"""The nodes that yield the last pushed model, and what its run recorded, on platforms that run no resolver.

The model is never the candidate of this run: only the Pusher writes the folder, and it runs after every node that needs
a baseline.
"""

from pathlib import Path

from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.annotations import InputArtifact, OutputArtifact, Parameter
from components.push.champion_store import EVALUATION, PROFILE, STATISTICS, clear, restore, restore_record
from components.pushed_model import CHAMPION_VERSION


@component
def Champion(  # noqa: N802 (TFX names components as classes)
    model: OutputArtifact[standard_artifacts.Model],
    folder: Parameter[str],
    enabled: Parameter[int],
) -> None:
    """Yield the last pushed model.

    Args:
        model: the copy, marked with its version; without files if there is no champion.
        folder: path or ``gs://bucket/folder`` that the Pusher writes to.
        enabled: 0 for no champion, regardless of earlier pushes.
    """
    if not enabled:
        clear(Path(model.uri))
        return
    version = restore(folder=folder, destination=Path(model.uri))
    if version is not None:
        model.set_string_custom_property(CHAMPION_VERSION, str(version))


@component
def ChampionData(  # noqa: N802
    statistics: OutputArtifact[standard_artifacts.ExampleStatistics],
    profile: OutputArtifact[standard_artifacts.ExampleAnomalies],
    folder: Parameter[str],
    enabled: Parameter[int],
) -> None:
    """Yield what is known of the data that the last pushed model was trained on.

    Args:
        statistics: StatisticsGen's output in the run that pushed it, marked with the model's version if there is one;
            without files if there is none, or they are gone.
        profile: the same of DataGate's output.
        folder: path or ``gs://bucket/folder`` that the Pusher writes to.
        enabled: 0 for none, regardless of earlier pushes.
    """
    for name, artifact in ((STATISTICS, statistics), (PROFILE, profile)):
        if not enabled:
            clear(Path(artifact.uri))
            continue
        version = restore_record(name, folder=folder, destination=Path(artifact.uri))
        if version is not None:
            artifact.set_string_custom_property(CHAMPION_VERSION, str(version))


@component
def ChampionEvaluation(  # noqa: N802
    model: InputArtifact[standard_artifacts.Model],
    evaluation: OutputArtifact[standard_artifacts.ModelEvaluation],
    folder: Parameter[str],
) -> None:
    """Yield the evaluation by which the baseline was pushed.

    Args:
        model: the baseline, as `Champion` yields it.
        evaluation: the Evaluator's output in the run that pushed it; without files if there is no baseline, or it is
            gone.
        folder: path or ``gs://bucket/folder`` that the Pusher writes to.
    """
    version = model.get_string_custom_property(CHAMPION_VERSION)
    if version:
        restore_record(EVALUATION, folder=folder, destination=Path(evaluation.uri), version=int(version))
    else:
        clear(Path(evaluation.uri))
