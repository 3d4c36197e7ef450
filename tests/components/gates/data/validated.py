"""What StatisticsGen, ExampleValidator and ExampleGen leave, written from data frames, and the gate that reads it."""

import json
from pathlib import Path

import pandas as pd
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts

from components.example_gen.rows.counts import FILE, RowCounts
from components.example_gen.shards import ShardWriter
from components.gates.data.data_gate import DataGate
from tests.shared.models.small_model import serialize
from trainer.parameters import Label

GOOD = pd.DataFrame({"fare": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"], "y": [0, 1, 0]})
LABEL = Label(column="y")


def write_artifacts(folder: Path, schema: schema_pb2.Schema, splits: dict[str, pd.DataFrame]) -> dict:
    """The gate's inputs, for one frame per split."""
    artifacts = {
        "anomalies": standard_artifacts.ExampleAnomalies(),
        "statistics": standard_artifacts.ExampleStatistics(),
        "examples": standard_artifacts.Examples(),
        "schema": standard_artifacts.Schema(),
        "notices": standard_artifacts.ExampleAnomalies(),
    }
    (folder / "schema").mkdir(parents=True, exist_ok=True)
    (folder / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    for name, artifact in artifacts.items():
        artifact.uri = str(folder / name)
        if name != "schema":
            artifact.split_names = json.dumps(list(splits))
    distinct = {}
    for split, frame in splits.items():
        found = tfdv.generate_statistics_from_dataframe(frame)
        for name, file, content in (
            ("anomalies", "SchemaDiff.pb", tfdv.validate_statistics(found, schema)),
            ("statistics", "FeatureStats.pb", found),
        ):
            path = folder / name / f"Split-{split}" / file
            path.parent.mkdir(parents=True)
            path.write_bytes(content.SerializeToString())
        rows = [serialize(row.dropna().to_dict()) for _, row in frame.astype(object).iterrows()]
        distinct[split] = len(set(rows))
        with ShardWriter(str(folder / "examples" / f"Split-{split}")) as shards:
            shards.write(rows)
    counts = {split: len(frame) for split, frame in splits.items()}
    counted = RowCounts(read=sum(counts.values()), where=0, missing_label=0, splits=counts, distinct=distinct)
    (folder / "examples" / FILE).write_text(counted.model_dump_json())
    return artifacts


def gate(artifacts, label=LABEL, *, allow=(), **parameters):
    """Run the gate on them."""
    allowed = json.dumps([allow] if isinstance(allow, str) else list(allow))
    given = {"label": label.model_dump_json(), "fail_on": "error", "allow": allowed, "example_weight": "", **parameters}
    DataGate.test_call(**artifacts, **given)
