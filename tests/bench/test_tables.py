import io

import pytest
from rich.console import Console

from bench.tables import large, nodes, page
from bench.tables.means import means
from pipeline.running.console import NodeProgress
from pipeline.running.events import NodeEnd


def _line(item, *, ratio, lightgbm, chose=False, rows=1_000):
    return {
        "what": f"{item}: label",
        "task": "binary",
        "rows": rows,
        "splits": 3,
        "columns": 7,
        "chose": chose,
        "ratio": {"HistGradientBoosting": ratio, "LightGBM": lightgbm, "linear": 0.5},
        "cpu_s": {"ours": 12.34, "HistGradientBoosting": 1.0},
    }


def test_means():
    found = means([_line("one", ratio=0.8, lightgbm=0.9), _line("two", ratio=1.0, lightgbm=0.6)])
    assert (found["ratio"], found["worst"], found["better"]) == (0.9, 1.0, 0.5)
    # The best peer is the one whose error is smallest: LightGBM's is below that of the trees in one table only.
    assert found["ratio_to_best_peer"] == pytest.approx((0.9 + 1.0) / 2)


def test_the_page_lists_the_halves_apart_and_the_smallest_table_first():
    lines = [
        _line("large", ratio=0.9, lightgbm=0.95, rows=9_000),
        _line("small", ratio=0.7, lightgbm=0.75),
        _line("chosen", ratio=0.1, lightgbm=0.2, chose=True),
    ]
    text = page.figures(lines)
    assert text.index("not used to choose") < text.index("`small`") < text.index("`large`") < text.index("`chosen`")
    assert "| `small` | label | binary | 1,000 | 7 | 3 | 0.70 | 0.75 | 0.50 | 12.3 | 1.0 |" in text
    assert "Mean over 2 tables: **0.800**" in text


def test_the_large_table_is_the_same_each_time():
    table = large.make(2_000)
    assert table.equals(large.make(2_000))
    assert table.num_columns == 30
    assert 0.1 < table.column("left").to_pylist().count("yes") / 2_000 < 0.3


def test_the_lines_of_nodes_that_ended_are_known_from_the_others():
    output = io.StringIO()
    progress = NodeProgress(Console(file=output, highlight=False))
    progress.title("large: 11 nodes")
    for node, state in (("ExampleGen", "cached"), ("Trainer", "done"), ("Evaluator", "not run"), ("Pusher", "refused")):
        progress.start(node)
        progress.note("12.3 s is long")
        progress.end(NodeEnd(node=node, state=state, seconds=12.3, reason="not blessed"))
    assert [name for line in output.getvalue().splitlines() if (name := nodes.node_of(line))] == [
        "ExampleGen",
        "Trainer",
        "Pusher",
    ]


def test_a_command_that_fails_ends_the_benchmark_with_its_words(tmp_path):
    with pytest.raises(SystemExit, match=r"(?s)run --config none\.yaml.*none\.yaml"):
        nodes.pipeline(tmp_path, "run", "--config", "none.yaml")
