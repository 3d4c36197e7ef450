"""DataGate: stops the run on data anomalies.

The standard ExampleValidator only reports: its anomalies never fail it, and a model is trained on bad data.
"""

from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.refusal import GateRefused

_ANOMALIES_FILE = "SchemaDiff.pb"
_SEVERITY = {"warning": anomalies_pb2.AnomalyInfo.WARNING, "error": anomalies_pb2.AnomalyInfo.ERROR}


@component
def DataGate(  # noqa: N802 (TFX names components as classes)
    anomalies: InputArtifact[standard_artifacts.ExampleAnomalies],
    fail_on: Parameter[str],
    allow: Parameter[str] = "",
) -> None:
    """Refuse the data if ExampleValidator found anomalies.

    Args:
        anomalies: from ExampleValidator; one folder per split.
        fail_on: ``error`` or ``warning``: the least severity that refuses.
        allow: anomalies that never refuse, comma-separated ``feature:REASON`` or ``feature`` (any reason).

    Raises:
        GateRefused: with the first anomalies, each with its split and feature.
    """
    found = find_anomalies(anomalies.uri, fail_on=fail_on, allow=frozenset(filter(None, allow.split(","))))
    if found:
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        raise GateRefused("; ".join(found[:3]) + more)


def find_anomalies(uri: str, *, fail_on: str, allow: frozenset[str]) -> list[str]:
    """Read the anomalies of every split and return those that refuse, as ``split/feature: what (REASON)``.

    Args:
        uri: an ExampleAnomalies artifact's folder.
        fail_on: the least severity that refuses, ``error`` or ``warning``.
        allow: ``feature:REASON`` or ``feature`` entries to pass over.
    """
    found = []
    for path in sorted(Path(uri).glob(f"Split-*/{_ANOMALIES_FILE}")):
        split = path.parent.name.removeprefix("Split-")
        anomalies = anomalies_pb2.Anomalies.FromString(path.read_bytes())
        if anomalies.data_missing:
            found.append(f"{split}: there is no data")
        infos = {**anomalies.anomaly_info, "dataset": anomalies.dataset_anomaly_info}
        for feature, info in sorted(infos.items()):
            if info.severity < _SEVERITY[fail_on] or feature in allow:
                continue
            for reason in info.reason:
                name = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
                if f"{feature}:{name}" not in allow:
                    found.append(f"{split}/{feature}: {reason.description.rstrip('. ')} ({name})")
    return found
