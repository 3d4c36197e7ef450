import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx.types import standard_artifacts

from components.data_gate import DataGate
from components.refusal import GateRefused

GOOD = pd.DataFrame({"fare": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"]})


@pytest.fixture
def schema() -> schema_pb2.Schema:
    return tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(GOOD))


@pytest.fixture
def anomalies(tmp_path, schema):
    """Writes an ExampleAnomalies artifact as ExampleValidator does, from real statistics of one frame per split."""

    def write(**splits: pd.DataFrame) -> standard_artifacts.ExampleAnomalies:
        for split, frame in splits.items():
            found = tfdv.validate_statistics(tfdv.generate_statistics_from_dataframe(frame), schema)
            folder = tmp_path / f"Split-{split}"
            folder.mkdir()
            (folder / "SchemaDiff.pb").write_bytes(found.SerializeToString())
        artifact = standard_artifacts.ExampleAnomalies()
        artifact.uri = str(tmp_path)
        return artifact

    return write


def gate(artifact, **parameters):
    DataGate.test_call(anomalies=artifact, **{"fail_on": "error", "allow": "", **parameters})


def test_good_data_passes(anomalies):
    gate(anomalies(train=GOOD, eval=GOOD))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (GOOD.assign(kind=["a", "z", "b"]), "eval/kind: .*values missing from the schema: z.*ENUM_TYPE_UNEXPECTED"),
        (GOOD.assign(fare=["x", "y", "z"]), "eval/fare: Expected data of type: FLOAT but got STRING"),
        (GOOD.drop(columns="fare"), "eval/fare: Column is completely missing"),
    ],
)
def test_anomalies_in_any_split_refuse(anomalies, bad, reason):
    with pytest.raises(GateRefused, match=reason):
        gate(anomalies(train=GOOD, eval=bad))


def test_allowed_anomalies_pass_by_feature_or_by_reason(anomalies):
    artifact = anomalies(train=GOOD.assign(kind=["a", "z", "b"]))
    gate(artifact, allow="kind")
    gate(artifact, allow="fare,kind:ENUM_TYPE_UNEXPECTED_STRING_VALUES")
    with pytest.raises(GateRefused):
        gate(artifact, allow="kind:ENUM_TYPE_BYTES_NOT_STRING,fare")


def test_a_new_column_refuses(anomalies):
    with pytest.raises(GateRefused, match="train/extra: New column"):
        gate(anomalies(train=GOOD.assign(extra=[1, 2, 3])))


def test_warnings_refuse_only_when_asked_for(anomalies, tmp_path):
    artifact = anomalies(train=GOOD.assign(extra=[1, 2, 3]))
    path = tmp_path / "Split-train" / "SchemaDiff.pb"
    found = anomalies_pb2.Anomalies.FromString(path.read_bytes())
    found.anomaly_info["extra"].severity = anomalies_pb2.AnomalyInfo.WARNING
    path.write_bytes(found.SerializeToString())
    gate(artifact)
    with pytest.raises(GateRefused, match="New column"):
        gate(artifact, fail_on="warning")


def test_an_empty_split_refuses(anomalies):
    with pytest.raises(GateRefused, match="train"):
        gate(anomalies(train=GOOD.iloc[:0]))
