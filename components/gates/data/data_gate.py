"""DataGate: stops the run on data anomalies, on drift, and on what the label or a feature cannot be made of.

The standard ExampleValidator only reports: it never fails, and the pipeline trains on bad data. Nor does it know the
label, the example weights and the kinds of the features, or any earlier data.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.annotations import InputArtifact, OptionalInputArtifact, OutputArtifact, Parameter
from components.gates.data.drift_check import Before, drift_findings, drifting, served_data, type_findings
from components.gates.data.feature_check import feature_findings
from components.gates.data.findings import Finding, write_notices
from components.gates.data.label_check import label_anomalies
from components.gates.data.previous_span import Spans, previous_statistics
from components.gates.data.weight_check import weight_anomalies
from components.notices import notices as notices_logger
from components.refusal import GateRefused
from trainer.features.columns import Features
from trainer.labels.config import Label

_ANOMALIES_FILE = "SchemaDiff.pb"
_DATASET = "dataset"
_SEVERITY = {"warning": anomalies_pb2.AnomalyInfo.WARNING, "error": anomalies_pb2.AnomalyInfo.ERROR}
_SHOWN = 3
# Instead of features: every column is one, by its type.
INFERRED = "inferred"


@component
def DataGate(  # noqa: N802 (TFX names components as classes)
    anomalies: InputArtifact[standard_artifacts.ExampleAnomalies],
    statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    examples: InputArtifact[standard_artifacts.Examples],
    schema: InputArtifact[standard_artifacts.Schema],
    notices: OutputArtifact[standard_artifacts.ExampleAnomalies],
    label: Parameter[str],
    fail_on: Parameter[str],
    allow: Parameter[str] = "",
    example_weight: Parameter[str] = "",
    features: Parameter[str] = "",
    previous_span: Parameter[str] = "",
    served_statistics: OptionalInputArtifact[standard_artifacts.ExampleStatistics] = None,
) -> None:
    """Refuse the data if ExampleValidator found anomalies, or no model can learn from a split.

    Args:
        anomalies: ExampleValidator's output, one folder per split.
        statistics: StatisticsGen's output, for the label, the example weight and the features.
        examples: ExampleGen's output, for what the statistics do not tell.
        schema: the curated or inferred schema, for its comparators.
        notices: what is worth knowing about data that pass.
        label: a `trainer.parameters.Label` as JSON.
        fail_on: lowest severity that refuses, ``error`` or ``warning``.
        allow: accepted anomalies, comma-separated ``feature:REASON`` or ``feature`` (any reason).
        example_weight: the column that holds the example weights; empty without weights.
        features: a `trainer.parameters.Features` as JSON; `INFERRED` for every column by its type.
        previous_span: `components.gates.data.previous_span.Spans` as JSON, to compare with before anything is served;
            empty without spans.
        served_statistics: as ``statistics``, of the data that the served model was trained on; None in a first run.

    Raises:
        GateRefused: names the first faults, each with its split and feature.
    """
    splits = artifact_utils.decode_split_names(anomalies.split_names)
    allowed = frozenset(filter(None, allow.split(",")))
    found = find_anomalies(anomalies.uri, splits=splits, fail_on=fail_on, allow=allowed)
    places = {text.partition(": ")[0] for text in found}
    data, wanted = Data(statistics.uri, examples.uri, splits), Label.model_validate_json(label)
    served = served_statistics.uri if served_statistics else None
    more = [
        *_label_and_weight(data, wanted, example_weight),
        *_features(data, features, {*wanted.columns, example_weight}, served),
        *_drift(data, _schema(schema.uri), served, previous_span),
    ]
    texts: list[str] = []
    for each in more:
        if each.names & allowed or each.text.partition(": ")[0] in places:
            continue
        (found if each.refuses or fail_on == "warning" and each.names else texts).append(each.text)
    if found:
        found = list(dict.fromkeys(found))
        others = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
        raise GateRefused("; ".join(found[:_SHOWN]) + others)
    for text in texts:
        notices_logger.warning(text)
    write_notices(notices.uri, texts)


class Data(NamedTuple):
    """The data of a run: folders of their statistics and examples, and the names of the splits."""

    statistics: str
    examples: str
    splits: Sequence[str]


def _label_and_weight(data: Data, label: Label, example_weight: str) -> Iterator[Finding]:
    found = [*label_anomalies(data.statistics, data.examples, splits=data.splits, label=label)]
    if example_weight:
        found += weight_anomalies(data.statistics, splits=data.splits, column=example_weight)
    yield from (Finding(text, names) for text, names in found)


def _features(data: Data, features: str, others: Collection[str], served: str | None) -> Iterator[Finding]:
    if not features:
        return
    wanted = None if features == INFERRED else Features.model_validate_json(features)
    yield from feature_findings(data.statistics, data.examples, splits=data.splits, features=wanted, others=others)
    read = {*wanted.names(), *others} if wanted else None
    yield from type_findings(data.statistics, served, splits=data.splits, columns=read)


def _drift(data: Data, schema: schema_pb2.Schema, served: str | None, previous_span: str) -> Iterator[Finding]:
    before = served_data(served) if served else None
    if before is None and previous_span and drifting(schema):
        earlier = previous_statistics(Spans.model_validate_json(previous_span))
        before = Before("the span before", lambda _: earlier) if earlier else None
    yield from drift_findings(data.statistics, before, splits=data.splits, schema=schema)


def _schema(uri: str) -> schema_pb2.Schema:
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(uri))


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
