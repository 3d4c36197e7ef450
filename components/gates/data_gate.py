"""DataGate: stops the run on data anomalies and on a label that no model can learn.

The standard ExampleValidator only reports: it never fails, and the pipeline trains on bad data. Nor does it know the
label and the example weights.
"""

from collections.abc import Collection, Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts

from components.annotations import InputArtifact, Parameter
from components.gates.label_check import label_anomalies
from components.gates.weight_check import weight_anomalies
from components.refusal import GateRefused
from trainer.labels.config import Label

_ANOMALIES_FILE = "SchemaDiff.pb"
_DATASET = "dataset"
_SEVERITY = {"warning": anomalies_pb2.AnomalyInfo.WARNING, "error": anomalies_pb2.AnomalyInfo.ERROR}
_SHOWN = 3


@component
def DataGate(  # noqa: N802 (TFX names components as classes)
    anomalies: InputArtifact[standard_artifacts.ExampleAnomalies],
    statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    examples: InputArtifact[standard_artifacts.Examples],
    label: Parameter[str],
    fail_on: Parameter[str],
    allow: Parameter[str] = "",
    example_weight: Parameter[str] = "",
) -> None:
    """Refuse the data if ExampleValidator found anomalies or no model can learn the label or weights of a split.

    Args:
        anomalies: ExampleValidator's output, one folder per split.
        statistics: StatisticsGen's output, for the label and the example weight.
        examples: ExampleGen's output, for a label of which the statistics do not tell enough.
        label: a `trainer.parameters.Label` as JSON.
        fail_on: lowest severity that refuses, ``error`` or ``warning``.
        allow: accepted anomalies, comma-separated ``feature:REASON`` or ``feature`` (any reason).
        example_weight: the column that holds the example weights; empty without weights.

    Raises:
        GateRefused: there are anomalies; names the first ones, each with its split and feature.
    """
    splits = artifact_utils.decode_split_names(anomalies.split_names)
    allowed = frozenset(filter(None, allow.split(",")))
    found = find_anomalies(anomalies.uri, splits=splits, fail_on=fail_on, allow=allowed)
    wanted = Label.model_validate_json(label)
    more = [*label_anomalies(statistics.uri, examples.uri, splits=splits, label=wanted)]
    if example_weight:
        more += weight_anomalies(statistics.uri, splits=splits, column=example_weight)
    found += [text for text, names in more if not names & allowed]
    if found:
        others = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
        raise GateRefused("; ".join(found[:_SHOWN]) + others)


def find_anomalies(uri: str, *, splits: Sequence[str], fail_on: str, allow: Collection[str]) -> list[str]:
    """Read the anomalies of every split and return those that refuse, as ``split/feature: what (REASON)``.

    Args:
        uri: folder of an ExampleAnomalies artifact.
        splits: names of the validated splits; one without a result refuses.
        fail_on: lowest severity that refuses, ``error`` or ``warning``.
        allow: entries to accept, ``feature:REASON`` or ``feature``.
    """
    found = [] if splits else ["ExampleValidator validated no split"]
    for split in splits:
        path = f"{uri}/Split-{split}/{_ANOMALIES_FILE}"
        if not fileio.exists(path):
            found.append(f"{split}: ExampleValidator wrote no result to {path}")
            continue
        with fileio.open(path, "rb") as file:
            anomalies = anomalies_pb2.Anomalies.FromString(file.read())
        if anomalies.data_missing:
            found.append(f"{split}: there is no data")
        infos = [*sorted(anomalies.anomaly_info.items()), (_DATASET, anomalies.dataset_anomaly_info)]
        for feature, info in infos:
            if info.severity >= _SEVERITY[fail_on] and feature not in allow:
                found.extend(_reasons(split, feature, info, allow))
    return found


def _reasons(split: str, feature: str, info: anomalies_pb2.AnomalyInfo, allow: Collection[str]) -> list[str]:
    if not info.reason:
        return [f"{split}/{feature}: {info.description or 'an anomaly without a description'}"]
    names = [(anomalies_pb2.AnomalyInfo.Type.Name(reason.type), reason) for reason in info.reason]
    return [
        f"{split}/{feature}: {reason.description.rstrip('. ')} ({name})"
        for name, reason in names
        if f"{feature}:{name}" not in allow
    ]
