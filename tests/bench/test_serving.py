"""The benchmark in its smallest setting: it starts its servers, asks them and prints lines of the promised shape."""

from __future__ import annotations

import json

import pytest

from bench.serving import __main__

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

_SMALL = ("--models", "half_plus_two", "--repeats", "1", "--seconds", "0.1", "--clients", "2", "--parts")


@pytest.fixture(scope="module")
def lines():
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()) as printed:
        assert __main__.main(_SMALL) == 0
    return [json.loads(line) for line in printed.getvalue().splitlines()]


def test_every_line_says_what_was_compared_with_what(lines):
    for line in lines:
        assert line["unit"] == "requests/s"
        assert line["repeats"] == 1
        assert line["ours"] > 0
        assert line["peer"] > 0
        assert line["ratio"] == pytest.approx(line["ours"] / line["peer"], abs=1e-3)
        assert line["p50_p99_ms"][0] <= line["p50_p99_ms"][1]
        assert 0 < line["client_busy"] <= 1.1


def test_the_peers_are_all_there(lines):
    asked = {(line["what"], line["peer_name"].split(":")[0]) for line in lines}
    assert asked == {
        ("serving, half_plus_two, x1", "an empty handler"),
        ("serving, half_plus_two, x1", "a naive Python servicer"),
    }


def test_the_last_line_is_ours_over_the_naive_servicer(lines):
    assert lines[-1]["what"] == "serving, half_plus_two, x1"
    assert lines[-1]["peer_name"].startswith("a naive Python servicer")


def test_without_a_pushed_model_it_says_how_to_get_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("bench.serving.models.TAXI", tmp_path / "nothing")
    assert __main__.main(["--models", "taxi"]) == 2
    assert "make run" in capsys.readouterr().err


def test_the_models_are_written_for_another_server(tmp_path):
    assert __main__.main(["--models", "half_plus_two", "--write_models", str(tmp_path)]) == 0
    assert (tmp_path / "half_plus_two" / "1" / "saved_model.pb").exists()
    assert f'base_path: "{tmp_path}/half_plus_two"' in (tmp_path / "models.config").read_text()
