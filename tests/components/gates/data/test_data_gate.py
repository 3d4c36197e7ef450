import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.gates.data.data_gate import find_anomalies
from components.refusal import GateRefused
from tests.components.gates.data.validated import GOOD, gate, write_artifacts
from tests.components.platform_artifacts import on_a_platform

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def schema() -> schema_pb2.Schema:
    return tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(GOOD))


@pytest.fixture
def validated(tmp_path, schema):
    return lambda **splits: write_artifacts(tmp_path, schema, splits)


def test_good_data_passes(validated):
    gate(validated(train=GOOD, eval=GOOD))


def test_a_platform_s_artifacts_are_read(validated):
    found = validated(train=GOOD, eval=GOOD.assign(y=0))
    with pytest.raises(GateRefused, match="eval/y: the label is 0 in every row"):
        gate({name: on_a_platform(artifact) for name, artifact in found.items()})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (GOOD.assign(kind=["a", "z", "b"]), "eval/kind: .*values missing from the schema: z.*ENUM_TYPE_UNEXPECTED"),
        (GOOD.assign(fare=["x", "y", "z"]), "eval/fare: Expected data of type: FLOAT but got STRING"),
        (GOOD.drop(columns="fare"), "eval/fare: Column is completely missing"),
    ],
)
def test_anomalies_in_any_split_refuse(validated, bad, reason):
    with pytest.raises(GateRefused, match=reason):
        gate(validated(train=GOOD, eval=bad))


def test_allowed_anomalies_pass_by_feature_or_by_reason(validated):
    artifact = validated(train=GOOD.assign(kind=["a", "z", "b"]))
    gate(artifact, allow="kind")
    gate(artifact, allow=["fare", "kind:ENUM_TYPE_UNEXPECTED_STRING_VALUES"])
    with pytest.raises(GateRefused):
        gate(artifact, allow=["kind:ENUM_TYPE_BYTES_NOT_STRING", "fare"])


def test_a_new_column_refuses(validated):
    with pytest.raises(GateRefused, match="train/extra: New column"):
        gate(validated(train=GOOD.assign(extra=[1, 2, 3])))


def test_warnings_refuse_only_when_asked_for(validated, tmp_path):
    artifact = validated(train=GOOD.assign(extra=[1, 2, 3]))
    path = tmp_path / "anomalies" / "Split-train" / "SchemaDiff.pb"
    found = anomalies_pb2.Anomalies.FromString(path.read_bytes())
    found.anomaly_info["extra"].severity = anomalies_pb2.AnomalyInfo.WARNING
    path.write_bytes(found.SerializeToString())
    gate(artifact)
    with pytest.raises(GateRefused, match="New column"):
        gate(artifact, fail_on="warning")


def test_an_empty_split_refuses(validated):
    with pytest.raises(GateRefused, match="train"):
        gate(validated(train=GOOD.iloc[:0]))


def test_a_split_without_a_result_refuses(validated, tmp_path):
    artifacts = validated(train=GOOD, eval=GOOD)
    (tmp_path / "anomalies/Split-eval/SchemaDiff.pb").unlink()
    with pytest.raises(GateRefused, match="eval: ExampleValidator wrote no result"):
        gate(artifacts)
    assert find_anomalies("/nowhere", splits=[], fail_on="error", allow=()) == ["ExampleValidator validated no split"]


def test_a_feature_named_dataset_is_looked_at(validated):
    with pytest.raises(GateRefused, match="train/dataset: New column"):
        gate(validated(train=GOOD.assign(dataset=[1, 2, 3])))


def test_an_anomaly_without_a_reason_refuses(validated, tmp_path):
    artifacts = validated(train=GOOD)
    found = anomalies_pb2.Anomalies()
    found.anomaly_info["fare"].severity = anomalies_pb2.AnomalyInfo.ERROR
    found.anomaly_info["fare"].description = "something is off"
    (tmp_path / "anomalies/Split-train/SchemaDiff.pb").write_bytes(found.SerializeToString())
    with pytest.raises(GateRefused, match="train/fare: something is off"):
        gate(artifacts)
