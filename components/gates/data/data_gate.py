"""DataGate: stops the run on data anomalies, on drift, and on what the label or a feature cannot be made of.

The standard ExampleValidator only reports: it never fails, and the pipeline trains on bad data. Nor does it know the
label, the example weights and the kinds of the features, or any earlier data and the requests.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from pydantic import TypeAdapter
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.annotations import InputArtifact, OptionalInputArtifact, OutputArtifact, Parameter
from components.gates.data.class_check import unseen_classes
from components.gates.data.drift import profile
from components.gates.data.drift.drift_check import Current, drift_findings, skew_findings
from components.gates.data.drift.earlier import Earlier, served_data
from components.gates.data.drift.limits import Limits
from components.gates.data.drift.previous_span import Spans, previous_span_of
from components.gates.data.drift.requests import newest_requests  # part: request_log
from components.gates.data.feature_check import feature_findings
from components.gates.data.label_check import label_anomalies
from components.gates.data.label_rows import LabelRows, split_records
from components.gates.data.leak_check import TRAIN, leak_findings
from components.gates.data.type_check import type_findings
from components.gates.data.weight_check import weight_anomalies
from components.gates.findings import DATASET, Finding, notice, refusal, write_notices
from components.notices import notices as notices_logger
from components.pushed_model import CHAMPION_VERSION, VERSION_PROPERTY
from components.refusal import GateRefused
from trainer.features.columns import Features
from trainer.labels.config import Label

_ANOMALIES_FILE = "SchemaDiff.pb"
_SEVERITY = {"warning": anomalies_pb2.AnomalyInfo.WARNING, "error": anomalies_pb2.AnomalyInfo.ERROR}
# Of a kind whose values always become others.
_DATE = "date"
# Instead of features: every column is one, by its type.
INFERRED = "inferred"
_ALLOWED = TypeAdapter(tuple[str, ...])


@component
def DataGate(  # noqa: N802 (TFX names components as classes)
    anomalies: InputArtifact[standard_artifacts.ExampleAnomalies],
    statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    examples: InputArtifact[standard_artifacts.Examples],
    schema: InputArtifact[standard_artifacts.Schema],
    notices: OutputArtifact[standard_artifacts.ExampleAnomalies],
    label: Parameter[str],
    fail_on: Parameter[str],
    allow: Parameter[str] = "[]",
    leaks: Parameter[str] = "block",
    example_weight: Parameter[str] = "",
    features: Parameter[str] = "",
    previous_span: Parameter[str] = "",
    drift: Parameter[str] = "{}",
    requests: Parameter[str] = "",  # part: request_log
    served_statistics: OptionalInputArtifact[standard_artifacts.ExampleStatistics] = None,
    served_profile: OptionalInputArtifact[standard_artifacts.ExampleAnomalies] = None,
    served_model: OptionalInputArtifact[standard_artifacts.PushedModel] = None,
) -> None:
    """Refuse the data if ExampleValidator found anomalies, or no model can learn from a split.

    Args:
        anomalies: ExampleValidator's output, one folder per split.
        statistics: StatisticsGen's output, for the label, the example weight and the features.
        examples: ExampleGen's output, for what the statistics do not tell.
        schema: the curated or inferred schema, for its comparators.
        notices: what is worth knowing about data that pass, and what later runs compare theirs with.
        label: a `trainer.parameters.Label` as JSON.
        fail_on: lowest severity that refuses, ``error`` or ``warning``.
        allow: accepted anomalies, ``feature:REASON`` or ``feature`` (any reason), as a JSON list.
        leaks: what becomes of a column that gives the label away, ``block`` or ``warn``.
        example_weight: the column that holds the example weights; empty without weights.
        features: a `trainer.parameters.Features` as JSON; `INFERRED` for every column by its type.
        previous_span: `components.gates.data.drift.previous_span.Spans` as JSON, to compare with before anything is
            served; empty without spans.
        drift: `components.gates.data.drift.limits.Limits` as JSON.
        requests: `components.gates.data.drift.requests.Requests` as JSON; empty without a request log.
        served_statistics: as ``statistics``, of the data that the served model was trained on; None or an artifact
            without files in a first run.
        served_profile: as ``notices``, of the run that pushed the served model.
        served_model: its push; None in a first run, and on a platform, where the statistics name the version.

    Raises:
        GateRefused: names the first faults, each with its split and feature.
    """
    splits = artifact_utils.decode_split_names(anomalies.split_names)
    allowed = frozenset(_ALLOWED.validate_json(allow))
    anomalous = find_anomalies(anomalies.uri, splits=splits, fail_on=fail_on, allow=allowed)
    data = GatedData(statistics.uri, examples.uri, splits, Label.model_validate_json(label), example_weight, features)
    labels = LabelRows(split_records(examples.uri), data.label)
    served = _uri(served_statistics)
    about_label = [*_label_and_weight(data, labels)]
    # An invalid label cannot be counted.
    readable = labels if not about_label else None
    current = _current(data, readable)
    limits = Limits.model_validate_json(drift)
    asked = None
    asked = newest_requests(requests, most=limits.skew.most)  # part: request_log
    described = _schema(schema.uri)
    compare = {"schema": described, "limits": limits}
    drifted: Iterable[Finding] = ()
    # The data that the served model was trained on have not drifted from themselves.
    if served != statistics.uri:
        before = (
            served_data(served, _uri(served_profile), splits=splits)
            if served
            else _span_before(previous_span, data.label, read_label=readable is not None)
        )
        drifted = drift_findings(current, before, **compare)
    about_features = [*_features(data, served, described)]
    # What refuses by itself ends the run here; of a label that is wrong, nothing can be told.
    label_is_wrong = any(each.refuses and each.names.isdisjoint(allowed) for each in about_label)
    unreadable = {name for each in about_features if each.refuses for name in each.names}
    more = [
        *about_label,
        *about_features,
        *(() if label_is_wrong else _leaks(data, unreadable=unreadable, refuses=leaks == "block")),
        *(() if served else _lost(served_model, served_statistics)),
        *drifted,
        *skew_findings(current, asked, **compare),
    ]
    found, texts = _judged(anomalous, more, fail_on=fail_on, allowed=allowed)
    if found:
        raise GateRefused(refusal(found))
    for text in texts:
        notices_logger.warning(text)
    write_notices(notices.uri, texts)
    profile.write(notices.uri, {split: side.profile for split, side in current.sides.items()})


class GatedData(NamedTuple):
    """The data of a run, and what the gate's parameters say about them; see `DataGate`."""

    statistics: str
    examples: str
    splits: Sequence[str]
    label: Label
    example_weight: str
    features: str

    @property
    def others(self) -> set[str]:
        """The columns of the label and the example weight."""
        return {*self.label.columns, self.example_weight}

    @property
    def named(self) -> Features | None:
        """The configured features; None if the config names none."""
        return Features.model_validate_json(self.features) if self.features not in ("", INFERRED) else None


def _judged(
    anomalous: Sequence[str], more: Sequence[Finding], *, fail_on: str, allowed: Collection[str]
) -> tuple[list[Finding], list[str]]:
    """What refuses, and the texts of what is only worth knowing."""
    places = {text.partition(": ")[0] for text in anomalous}
    found, texts = [Finding(text) for text in anomalous], []
    for each in more:
        if each.names.isdisjoint(allowed) and each.text.partition(": ")[0] not in places:
            if each.refuses or fail_on == "warning" and each.names:
                found.append(each)
            else:
                texts.append(each.text)
    return found, texts


def _label_and_weight(data: GatedData, labels: LabelRows) -> Iterator[Finding]:
    found = [*label_anomalies(data.statistics, splits=data.splits, label=data.label, labels=labels)]
    if not found:
        yield from unseen_classes(data.statistics, splits=data.splits, label=data.label, labels=labels)
    if data.example_weight:
        found += weight_anomalies(data.statistics, splits=data.splits, column=data.example_weight)
    yield from (Finding(text, names) for text, names in found)


def _features(data: GatedData, served: str | None, schema: schema_pb2.Schema) -> Iterator[Finding]:
    if not data.features:
        return
    wanted, others = data.named, data.others
    # Transform reads a column with a shape as complete.
    complete = {feature.name for feature in schema.feature if feature.HasField("shape")}
    yield from feature_findings(
        data.statistics, data.examples, splits=data.splits, features=wanted, others=others, complete=complete
    )
    read = {*wanted.names(), *others} if wanted else None
    yield from type_findings(data.statistics, served, splits=data.splits, columns=read)


def _leaks(data: GatedData, *, unreadable: Collection[str], refuses: bool) -> Iterator[Finding]:
    if TRAIN not in data.splits:
        return
    # A function of one's own may leave the column out.
    refuses = refuses and bool(data.features)
    yield from leak_findings(
        data.statistics,
        data.examples,
        features=data.named,
        label=data.label,
        others=data.others,
        unreadable=unreadable,
        refuses=refuses,
    )


def _current(data: GatedData, labels: LabelRows | None) -> Current:
    sides = profile.sides(data.statistics, data.examples, splits=data.splits, label=data.label, labels=labels)
    if (wanted := data.named) is not None:
        columns = set(wanted.names()) - wanted.read_as(_DATE)
    else:
        columns = {name for side in sides.values() for name in side.features}
    return Current(data.statistics, data.splits, sides, data.label, sorted(columns - data.others))


def _span_before(previous_span: str, label: Label, *, read_label: bool) -> Earlier | None:
    if not previous_span:
        return None
    return previous_span_of(Spans.model_validate_json(previous_span), label, read_label=read_label)


def _uri(artifact: Artifact | None) -> str | None:
    """Where an artifact's files are; None if there are none."""
    return artifact.uri if artifact and fileio.isdir(artifact.uri) and fileio.listdir(artifact.uri) else None


def _lost(
    served_model: standard_artifacts.PushedModel | None, statistics: standard_artifacts.ExampleStatistics | None
) -> Iterator[Finding]:
    """Says that the statistics of what is served are gone, if anything is served."""
    marked, key = (statistics, CHAMPION_VERSION) if statistics else (served_model, VERSION_PROPERTY)
    version = marked.get_string_custom_property(key) if marked else ""
    if served_model or version:
        yield notice(f"the statistics of the data of the served model, version {version}, are gone: no drift is seen")


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
        infos = [*sorted(anomalies.anomaly_info.items()), (DATASET, anomalies.dataset_anomaly_info)]
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
