import gzip
import json
import struct
import sys
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from bench.measure import Cost, Failed, measure
from bench.scale import columns, data, plan, report
from bench.scale.plan import Setting
from bench.scale.records import count_records
from bench.scale.results import Measurement, append, headline, read, series


def _measured(way="ours", *, rows, wall=10.0, cpu=10.0, peak=1000.0, stage="ingest", repeat=1, runner="in_memory"):
    setting = Setting(way=way, runner=runner, stage=stage, rows=rows, repeat=repeat)
    return Measurement(setting=setting, cost=Cost(wall_s=wall, cpu_s=cpu, peak_mb=peak, idle_mb=0.0))


def test_sizes_are_read_as_people_write_them():
    assert plan.parse_sizes("15k,1.5M,700") == (15_000, 1_500_000, 700)
    for text in ("", "k", "1.5", "0", "-3k", "1,,2"):
        with pytest.raises(ValueError, match="not a number of rows"):
            plan.parse_sizes(text)


def test_a_stage_comes_after_what_it_reads_and_the_ways_take_turns():
    settings = list(
        plan.settings(
            sizes=(150, 15),
            runners=("flink1", "in_memory"),
            stages=tuple(plan.NODES),
            ways=plan.WAYS,
            repeats=2,
        )
    )
    assert len(settings) == len(set(settings)) == 2 * 2 * (7 * 2 + 4 + 1)
    assert [setting.rows for setting in settings] == [15] * 38 + [150] * 38
    assert [(setting.stage, setting.way, setting.runner) for setting in settings[:5]] == [
        ("start", "ours", "in_memory"),
        ("ingest", "stock", "in_memory"),
        ("ingest", "ours", "in_memory"),
        ("ingest", "ours", "flink1"),
        ("ingest_parquet", "ours", "in_memory"),
    ]


def test_an_interrupted_run_resumes(tmp_path):
    path = tmp_path / "new" / "results.jsonl"
    first, failed = (
        _measured(rows=15),
        Measurement(setting=Setting(way="ours", runner="spark", stage="ingest", rows=15), error="no"),
    )
    append(path, first)
    with path.open("a") as file:
        file.write('{"what": "scale: inge')
    append(path, failed)
    again = _measured(rows=15, wall=11.0)
    append(path, again)
    assert read(path) == [again, failed]
    assert read(tmp_path / "none") == []


def test_growth_and_goals():
    lines = [
        *(_measured(rows=n, wall=5 + n / 1e5, cpu=5 + n * 1e-5, peak=900) for n in (15_000, 150_000, 1_500_000)),
        *(_measured("stock", rows=n, cpu=5 + n * 2e-4, peak=900 + n / 500) for n in (15_000, 150_000, 1_500_000)),
    ]
    ours, stock = series(lines)
    assert ours.us_per_row == pytest.approx(10)
    assert stock.us_per_row == pytest.approx(200)
    assert ours.growth("peak_mb") == [0, 0]
    assert series([_measured(rows=n, wall=n**1.5) for n in (10, 1000)])[0].growth("wall_s") == [pytest.approx(1.5)]
    summary = json.loads(headline(lines))
    assert (summary["ours"], summary["peer"], summary["ratio"]) == (20, 305, 0.0656)
    assert summary["met"]
    assert summary["ingest_memory"] == {"what": "1.5M over 150k rows", "ratio": 1.0, "goal": 1.5, "met": True}
    assert [(each["time_met"], each["memory_met"]) for each in summary["growth"]] == [(True, True), (True, False)]


def test_slices_and_intervals_are_compared_with_the_evaluation_without_them():
    ours = {"start": 9, "evaluation": 11, "evaluation_slices": 12, "evaluation_intervals": 16}
    lines = [_measured(rows=150_000, cpu=cpu, stage=stage) for stage, cpu in ours.items()]
    lines += [_measured("stock", rows=n, cpu=9 + n / 3750, stage="evaluation") for n in (150_000, 1_500_000)]
    found = {each["what"]: (each["ratio"], each["met"]) for each in json.loads(headline(lines))["evaluation"]}
    assert found == {
        "evaluation, 150k rows": (0.05, True),
        "evaluation slices, 150k rows": (1.5, True),
        "evaluation intervals, 150k rows": (3.5, False),
    }
    row = (
        "CPU of evaluation intervals, 150k rows, beyond the imports: at most 3 times evaluation's | 3.500 | **missed**"
    )
    assert row in report.figures(lines)
    assert json.loads(headline(lines[1:]))["evaluation"] == []


def _of_columns(columns, *, wall, cpu, transform):
    size = {"columns": columns, "rows": 5, "wall_s": wall, "cpu_s": cpu, "peak_mb": 900}
    return [{"what": "init", **size}, {"what": "run", **size, "nodes": {"Transform": transform, "Pusher": 0.1}}]


def test_what_a_column_adds_is_compared_between_narrow_and_wide_tables():
    lines = _of_columns(20, wall=10, cpu=10, transform=2) + _of_columns(120, wall=20, cpu=30, transform=4)
    assert "ratio" not in columns.headline(lines)
    lines += _of_columns(520, wall=100, cpu=70, transform=24)
    assert columns.headline(lines)["ratio"] == 0.5
    text = columns.figures(lines)
    assert "| Transform | 2.0 | 4.0 | 24.0 | 20 | 50 |" in text
    assert "Pusher" not in text


def test_the_median_of_repeats_counts_and_a_failure_is_shown():
    lines = [_measured(rows=15, cpu=cpu, repeat=i) for i, cpu in enumerate((3.0, 100.0, 4.0))]
    lines.append(
        Measurement(setting=Setting(way="ours", runner="in_memory", stage="ingest", rows=150), error="too | slow")
    )
    [found] = series(lines)
    assert found.costs[15].cpu_s == 4
    text = report.figures(lines)
    assert "| ours, in_memory | 10.0 / 4.0 / 1,000 | failed: too / slow |  |  |  |" in text
    assert "not measured" in headline(lines)


def test_the_page_keeps_what_is_around_its_figures():
    page = report.PAGE.read_text()
    once = report.with_figures(page, "new\n")
    assert report.with_figures(once, "new\n") == once
    assert once.startswith(page.partition("<!--")[0])
    assert once.endswith(page.rpartition("-->")[2])
    with pytest.raises(SystemExit, match="markers"):
        report.with_figures("no figures", "new")


def test_rows_are_the_same_at_each_call_and_like_the_real_ones(tmp_path):
    here = data.make(tmp_path / "a", rows=1003)
    there = data.make(tmp_path / "b", rows=1003)
    files = sorted(here.csv.iterdir())
    assert len(files) == data.FILES
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in sorted(there.csv.iterdir())]
    options = pa.csv.ConvertOptions(strings_can_be_null=True, column_types=data.source().schema)
    table = pa.concat_tables([pa.csv.read_csv(file, convert_options=options) for file in files])
    assert table.num_rows == 1003
    assert table.equals(pa.concat_tables([pa.parquet.read_table(file) for file in sorted(here.parquet.iterdir())]))
    real = data.source()
    for name in real.column_names:
        assert table[name].null_count / 1003 == pytest.approx(real[name].null_count / real.num_rows, abs=0.07)
    assert set(table["payment_type"].to_pylist()) <= set(real["payment_type"].to_pylist())
    fares = table["fare"].to_numpy()
    assert len(np.unique(fares)) > 700
    assert fares.min() >= 0


def test_records_are_counted(tmp_path):
    record = struct.pack("<QI", 3, 0) + b"abc" + bytes(4)
    (tmp_path / "Split-train").mkdir()
    with gzip.open(tmp_path / "Split-train" / "data_tfrecord.gz", "wb") as file:
        file.write(record * 5)
    (tmp_path / "data_tfrecord").write_bytes(record * 2)
    assert count_records(tmp_path) == 7
    (tmp_path / "data_tfrecord").write_bytes(record[:-1])
    with pytest.raises(EOFError):
        count_records(tmp_path)


# Ends by itself what it starts, uses 60 MB for a while, and burns CPU in a child of its child.
_BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
_COMMAND = f"""
import subprocess, sys, time
block = bytearray(60_000_000)
subprocess.run([sys.executable, "-c", {_BURN!r}])
time.sleep(0.3)
"""


class _Myself:
    tree = [psutil.Process()]


def test_a_command_costs_what_it_and_its_children_use(tmp_path):
    options = {"log": tmp_path / "log", "folder": Path.cwd(), "environment": {}}
    cost = measure([sys.executable, "-c", _COMMAND], limit_seconds=30, **options)
    assert cost.cpu_s >= 0.3
    assert cost.wall_s >= 0.6
    assert 60 <= cost.peak_mb < 400
    assert cost.idle_mb == 0
    with pytest.raises(Failed, match="exit code 3: .*why"):
        measure([sys.executable, "-c", "print('why'); exit(3)"], limit_seconds=30, **options)
    with pytest.raises(Failed, match="not done after"):
        measure([sys.executable, "-c", "import time; time.sleep(60)"], limit_seconds=0.3, **options)


def test_programs_that_were_there_before_count(tmp_path):
    options = {"log": tmp_path / "log", "folder": Path.cwd(), "environment": {}}
    cost = measure([sys.executable, "-c", "pass"], programs=[_Myself()], limit_seconds=30, **options)
    assert cost.idle_mb > 10
    assert cost.peak_mb >= 0.9 * cost.idle_mb
