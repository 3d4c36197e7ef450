"""ExampleGen against TFX's own: the same rows, and the same splits."""

import itertools
import shutil
from collections import Counter
from pathlib import Path

import pytest
from tfx.components.example_gen.csv_example_gen.executor import Executor as StockCsv
from tfx.components.example_gen.import_example_gen.executor import Executor as StockImport

from components.refusal import GateRefused
from pipeline.checks.columns import schema_features
from tests.components.example_gen.ingest import ingest, with_one_form_of_missing, written

pytestmark = pytest.mark.tensorflow

TAXI = Path("data/taxi")
# Neither this process's streaming nor an engine: TFX's own way through Beam.
THROUGH_BEAM = "BundleBasedDirectRunner"
_SLOW_BEAM = pytest.param(THROUGH_BEAM, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stock")
    return ingest(TAXI, folder, executor=StockCsv), with_one_form_of_missing(written(folder))


@pytest.mark.parametrize(
    ("schema", "runner"),
    [
        (True, "FnApiRunner"),
        pytest.param(False, "FnApiRunner", marks=pytest.mark.slow),
        pytest.param(True, THROUGH_BEAM, marks=pytest.mark.slow),
    ],
)
def test_taxi_is_stocks_but_for_the_form_of_a_missing_value(tmp_path, stock, schema, runner):
    types = schema_features(Path("schema/taxi/schema.pbtxt")) if schema else {}
    artifact = ingest(TAXI, tmp_path / "out", types=types, runner=runner)
    stock_artifact, expected = stock
    ours = written(tmp_path / "out")
    assert {split: sum(rows.values()) for split, rows in ours.items()} == {"train": 9911, "eval": 5091}
    assert sum(ours.values(), Counter()) == sum(expected.values(), Counter())
    assert artifact.split_names == stock_artifact.split_names
    assert artifact.mlmd_artifact.custom_properties == stock_artifact.mlmd_artifact.custom_properties
    names = sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert names == ["data_tfrecord-00000-of-00001.gz"] * 2 + ["rows.json"]


CELLS = """whole,real,text,spaced,long,none,hex,mixed,lines,digits
1,1.5,a,  7,99999999999999999999,,0x1F,1,____________________,\uff11
-2,-1.5,,+8,1,,2,2.5,1,2

,,"x
,y",1_0,,,3,,,
0,0,"",0,0,,4,"1",2,3
"""


def test_rows_without_a_missing_value_are_in_the_splits_of_stock(tmp_path):
    (tmp_path / "data").mkdir()
    rows = "".join(f"{number},{number / 7},word {number % 5}\n" for number in range(300))
    (tmp_path / "data" / "complete.csv").write_text("whole,real,text\n" + rows)
    ingest(tmp_path / "data", tmp_path / "stock", executor=StockCsv)
    ingest(tmp_path / "data", tmp_path / "ours")
    assert written(tmp_path / "ours") == written(tmp_path / "stock")


@pytest.mark.parametrize("runner", ["FnApiRunner", _SLOW_BEAM])
def test_odd_cells_are_read_as_stock_reads_them(tmp_path, runner):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "odd.csv").write_text(CELLS)
    ingest(tmp_path / "data", tmp_path / "stock", executor=StockCsv)
    ingest(tmp_path / "data", tmp_path / "ours", runner=runner)
    expected = with_one_form_of_missing(written(tmp_path / "stock"))
    assert sum(written(tmp_path / "ours").values(), Counter()) == sum(expected.values(), Counter())
    assert sum(len(rows) for rows in written(tmp_path / "ours").values()) == 4


@pytest.mark.slow
def test_records_keep_their_split_and_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    ingest(TAXI, tmp_path / "made")
    for shard in (tmp_path / "made").rglob("*.gz"):
        shutil.copy(shard, tmp_path / "data" / f"{shard.parent.name}.tfrecord.gz")
    ingest(tmp_path / "data", tmp_path / "ours", kind="tfrecord")
    ingest(tmp_path / "data", tmp_path / "stock", kind="tfrecord", executor=StockImport)
    assert written(tmp_path / "ours") == written(tmp_path / "stock") == written(tmp_path / "made")
    damaged = tmp_path / "data" / "Split-eval.tfrecord.gz"
    damaged.write_bytes(damaged.read_bytes()[:-5000])
    with pytest.raises(
        GateRefused, match=r"Split-eval\.tfrecord\.gz is cut off or damaged: its first 4,985 records are"
    ):
        ingest(tmp_path / "data", tmp_path / "again", kind="tfrecord")


@pytest.mark.slow
def test_given_splits_and_a_partition_feature_are_kept_to(tmp_path):
    with (TAXI / "trips.csv").open() as trips:
        few = "".join(itertools.islice(trips, 1001))
    for split in ("train", "eval"):
        (tmp_path / "data" / split).mkdir(parents=True)
        (tmp_path / "data" / split / "trips.csv").write_text(few)
    patterns = {"train": "train/*.csv", "eval": "eval/*.csv"}
    ingest(tmp_path / "data", tmp_path / "given", patterns=patterns, splits=None)
    assert {split: sum(rows.values()) for split, rows in written(tmp_path / "given").items()} == dict.fromkeys(
        patterns, 1000
    )
    for name, options in {"ours": {}, "stock": {"executor": StockCsv}, "beam": {"runner": THROUGH_BEAM}}.items():
        ingest(tmp_path / "data" / "train", tmp_path / name, feature="trip_start_hour", **options)
    expected = with_one_form_of_missing(written(tmp_path / "stock"))
    assert written(tmp_path / "ours") == expected == written(tmp_path / "beam")
    with pytest.raises(GateRefused, match="needs a text or an integer in 'fare'"):
        ingest(tmp_path / "data" / "train", tmp_path / "refused", feature="fare")
