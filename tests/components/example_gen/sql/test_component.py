"""Rows of a query become the same examples as the rows of a file."""

import csv
import json
import sqlite3
from pathlib import Path

import pytest
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts

from components.example_gen.executor import custom_config
from components.example_gen.reading import Reading
from components.example_gen.sql.component import SqlDriver, SqlExecutor, sql_example_gen
from components.example_gen.sql.options import FILE, Query
from components.refusal import GateRefused
from pipeline.config.beam.engine import NO_SDIST
from tests.components.example_gen.ingest import ingest, plain, written
from tests.shared.models.pictures import write
from tests.shared.services import postgres

pytestmark = pytest.mark.tensorflow

TAXI = Path("data/taxi")


READING = Reading(kind="arrow")


def component(query, reading=READING):
    splits = [
        example_gen_pb2.SplitConfig.Split(name="train", hash_buckets=2),
        example_gen_pb2.SplitConfig.Split(name="eval", hash_buckets=1),
    ]
    return sql_example_gen(
        query,
        input_config=example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="all", pattern=FILE)]),
        output_config=example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=splits)),
        custom_config=custom_config(reading),
    )


def properties(query, reading=READING):
    return {name: value for name, value in component(query, reading).spec.exec_properties.items() if value is not None}


def ask(query, output, *, runner="FnApiRunner", reading=READING):
    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=[f"--runner={runner}", NO_SDIST], tmp_dir=str(output.parent / "temporary"), unique_id="1"
    )
    SqlExecutor(context).Do({}, {"examples": [artifact]}, properties(query, reading))
    return artifact


def taxi_database(file):
    """The rows of all files; an empty cell is NULL."""
    with sqlite3.connect(file) as connection:
        for number, path in enumerate(sorted(TAXI.glob("*.csv"))):
            with path.open(newline="") as stream:
                names, *rows = csv.reader(stream)
            if not number:
                kinds = (f"{name} {'text' if name in ('company', 'payment_type') else 'numeric'}" for name in names)
                connection.execute(f"create table trips({', '.join(kinds)})")
            marks = ", ".join("?" * len(names))
            connection.executemany(
                f"insert into trips values({marks})", ([cell or None for cell in row] for row in rows)
            )
        reals = [name for name in names if name in ("fare", "tips", "trip_miles") or name.endswith("tude")]
    connection.close()
    # NUMERIC stores 5.0 as an integer.
    return (
        f"select {', '.join(f'cast({name} as real) as {name}' if name in reals else name for name in names)} from trips"
    )


@pytest.mark.parametrize("runner", ["FnApiRunner", pytest.param("BundleBasedDirectRunner", marks=pytest.mark.slow)])
def test_taxi_from_sqlite_is_taxi_from_csv_to_the_byte(tmp_path, runner):
    query = taxi_database(tmp_path / "taxi.db")
    ingest(TAXI, tmp_path / "files")
    artifact = ask(Query(driver="sqlite", uri=str(tmp_path / "taxi.db"), query=query), tmp_path / "rows", runner=runner)
    assert written(tmp_path / "rows") == written(tmp_path / "files")
    assert json.loads(artifact.split_names) == ["train", "eval"]
    assert {path.name for path in (tmp_path / "rows").iterdir()} == {"Split-train", "Split-eval", "rows.json"}


def test_postgresql_by_password_whose_value_is_stored_nowhere(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("READER_PASSWORD", postgres.PASSWORD)
    with postgres.server() as address, caplog.at_level("DEBUG"):
        uri = f"postgresql://reader:${{READER_PASSWORD}}@{address}/postgres"
        query = Query(
            driver="postgresql",
            uri=uri,
            query="select g as id, '{a,b}'::text[] as tags, g % 2 = 0 as even, "
            "nullif(g, 1) / 2.0 as half from generate_series(1, 3) g",
        )
        ask(query, tmp_path / "rows")
    found = sorted(plain(tmp_path / "rows"), key=lambda example: example["id"])
    assert found == [
        {"id": [1], "tags": [b"a", b"b"], "even": [0]},
        {"id": [2], "tags": [b"a", b"b"], "even": [1], "half": [1.0]},
        {"id": [3], "tags": [b"a", b"b"], "even": [0], "half": [1.5]},
    ]
    stored = str(properties(query))
    assert "${READER_PASSWORD}" in stored
    assert postgres.PASSWORD not in stored + caplog.text


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select fare from trips where fare > 1000", r"^there are no rows in data\.query\.$"),
        ("select nope from trips", r"^data\.query: .*no such column: nope"),
    ],
)
def test_a_refusal_names_the_query_and_leaves_no_rows_behind(tmp_path, query, message):
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table trips as select 1.5 as fare")
    connection.close()
    with pytest.raises(GateRefused, match=message):
        ask(Query(driver="sqlite", uri=str(tmp_path / "shop.db"), query=query), tmp_path / "rows")
    assert not list((tmp_path / "rows").rglob("*.arrow"))


def test_rows_of_a_query_name_files_by_absolute_paths_and_their_cache_sees_a_changed_one(tmp_path):
    content = write(tmp_path / "1.png", 1)
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table trips(n integer, photo text)")
        connection.execute("insert into trips values(1, ?), (2, null)", [str(tmp_path / "1.png")])
        connection.commit()
        reading = Reading(kind="arrow", pictures=("photo",), has_folder=False)
        query = Query(driver="sqlite", uri=str(tmp_path / "shop.db"), query="select n, photo from trips")
        ask(query, tmp_path / "out", reading=reading)
        found = {row["n"][0]: row.get("photo", []) for row in plain(tmp_path / "out")}
        assert found == {1: [content], 2: []}

        def fingerprint() -> str:
            driver = SqlDriver(metadata_handle=None)
            return driver.resolve_exec_properties(properties(query, reading), None, None)["input_fingerprint"]

        before = fingerprint()
        assert fingerprint() == before
        write(tmp_path / "1.png", 200)
        assert fingerprint() != before
        connection.execute("insert into trips values(3, '1.png')")
    connection.close()
    with pytest.raises(GateRefused, match=r"^data\.query, row 3: 'photo' is '1\.png', a relative path, but"):
        ask(query, tmp_path / "again", reading=reading)
