"""Both clients against a real server: rows, chunks, versions, errors, the command line and the docs."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest

from serving.client import AsyncClient, Client, Connection, InvalidRequest, NotFound, Overloaded, ServingError
from serving.client.__main__ import main
from serving.client.messages.protos import message
from tests.serving.support import trips
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow

ROWS = [
    {"fare": 12.5, "hour": 7, "kind": "cash", "sizes": [1, 2]},
    {"fare": "3", "hour": "18", "kind": "", "sizes": None},
    {"fare": None, "hour": float("nan"), "sizes": [[3.5], [4]]},
    {"fare": np.float32("nan"), "hour": np.int64(2**60 + 1), "kind": float("nan")},
]
SAID = [b"12.5|7|cash|1.0,2.0", b"3.0|18|?|?,?", b"?|?|?|3.5,4.0", b"?|1152921504606846977|?|?,?"]
DOC = Path(__file__).parents[3] / "docs" / "client.md"


def config(*entries: str) -> str:
    return f"model_config_list {{ {' '.join(f'config {{ {entry} }}' for entry in entries)} }}"


def entry(name: str, path: Path, more: str = "") -> str:
    return f'name: "{name}" base_path: "{path}" model_platform: "tensorflow" {more}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Version 1, and version 2 with one more feature, labelled; a version that cannot be loaded; the schema."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "taxi").mkdir()
    trips.save(folder / "taxi" / "1")
    trips.save(folder / "taxi" / "2", with_tip=True)
    (folder / "broken" / "5").mkdir(parents=True)
    (folder / "schema.pbtxt").write_text(trips.SCHEMA)
    taxi = entry("taxi", folder / "taxi", 'model_version_policy { all {} } version_labels { key: "stable" value: 1 }')
    (folder / "models.config").write_text(config(taxi, entry("broken", folder / "broken")))
    return folder


@pytest.fixture(scope="module")
def server(folder):
    flags = ("--model_config_file", folder / "models.config", "--enable_grpc_healthcheck_service")
    with RunningServer(*flags, "--max_num_load_retries", "0", monitoring=folder / "monitoring.config") as running:
        yield running


@pytest.fixture(params=["sync", "asyncio"])
def ask(request, server):
    """``ask(method, *arguments)`` through either client."""

    def synchronous(method, *arguments, client=None, **how):
        with Client(server.target, **(client or {})) as asked:
            return getattr(asked, method)(*arguments, **how)

    def asynchronous(method, *arguments, client=None, **how):
        async def run():
            async with AsyncClient(server.target, **(client or {})) as asked:
                return await getattr(asked, method)(*arguments, **how)

        return asyncio.run(run())

    return synchronous if request.param == "sync" else asynchronous


def test_columns_and_examples_say_missing_alike(ask, folder):
    schema = folder / "schema.pbtxt"
    for how in ({}, {"schema": schema}, {"schema": schema, "chunk_rows": 3}, {"signature": "serving_default"}):
        assert ask("predict", "taxi", ROWS, version=1, **how)["said"].tolist() == SAID, how
    assert ask("predict", "taxi", [])["said"].shape == (0,)


def test_classes_and_numbers(ask, folder):
    rows = [{"fare": 25}, {"fare": 50.0}, {"fare": 75}]
    expected = [[("cheap", 0.75), ("dear", 0.25)], [("cheap", 0.5), ("dear", 0.5)], [("cheap", 0.25), ("dear", 0.75)]]
    for how in ({}, {"schema": folder / "schema.pbtxt"}, {"chunk_rows": 2}):
        assert ask("classify", "taxi", rows, version=1, **how) == expected
        assert ask("regress", "taxi", rows, version=1, **how).tolist() == [25, 50, 75]
        both = ask("multi_inference", "taxi", rows, classify=["classify"], regress=["regress"], version=1, **how)
        assert both["classify"] == expected
        assert both["regress"].tolist() == [25, 50, 75]


def test_chunks_are_requests_of_their_own_and_come_back_in_order(ask, server):
    rows = [{"fare": index, "hour": index} for index in range(23)]
    before = server.answered("taxi")
    said = ask("predict", "taxi", rows, version=1, chunk_rows=5)["said"].tolist()
    assert server.answered("taxi") - before == 5
    assert said == [f"{index}.0|{index}|?|?,?".encode() for index in range(23)]
    fares = np.arange(23, dtype=np.float32)
    arrays = {"fare": fares, "hour": fares.astype(np.int64), "kind": np.full(23, b"", object)}
    arrays["sizes"] = np.zeros((23, 2), np.float32)
    joined = ask("predict_arrays", "taxi", arrays, signature="columnar", version=1, chunk_rows=22)
    assert joined["said"].tolist()[-1] == b"22.0|22|?|0.0,0.0"
    with pytest.raises(ValueError, match="the same first dimension"):
        ask("predict_arrays", "taxi", arrays | {"fare": fares[:5]}, signature="columnar", chunk_rows=5)


def test_a_version_by_number_by_label_and_the_latest(ask):
    row = [{"fare": 1, "tip": 2}]
    assert ask("predict", "taxi", row, version=1)["said"].tolist() == [b"1.0|?|?|?,?"]
    assert ask("predict", "taxi", row, label="stable")["said"].tolist() == [b"1.0|?|?|?,?"]
    assert ask("predict", "taxi", row)["said"].tolist() == [b"1.0|?|?|?,?|2.0"]
    with pytest.raises(ValueError, match="a version or a label, not both"):
        ask("predict", "taxi", row, version=1, label="stable")


def test_what_the_server_has(ask):
    assert ask("status", "taxi") == {2: "AVAILABLE", 1: "AVAILABLE"}
    assert ask("load_errors", "taxi") == {}
    assert ask("status", "broken") == {5: "END"}
    assert "saved_model.pb" in ask("load_errors", "broken")[5]
    assert set(ask("signatures", "taxi")) == {"columnar", "serving_default", "classify", "regress"}
    # One of its models has no version to serve.
    assert ask("health") == ask("health", "PredictionService") == "NOT_SERVING"


@pytest.mark.parametrize(
    ("method", "arguments", "how", "kind", "text"),
    [
        ("predict", ("large", [{}]), {}, NotFound, "NOT_FOUND: Servable not found for request: Latest(large)"),
        ("predict", ("taxi", [{}]), {"version": 7}, NotFound, "Specific(taxi, 7)"),
        ("status", ("large",), {}, NotFound, "Could not find any versions of model large"),
        ("regress", ("taxi", [{}]), {"label": "new"}, InvalidRequest, "Unrecognized servable version label: new"),
        ("predict_arrays", ("taxi", {}), {"signature": "x"}, InvalidRequest, 'FAILED_PRECONDITION: Serving signature'),
        ("classify", ("taxi", [{}]), {"signature": "regress"}, InvalidRequest, "INVALID_ARGUMENT: "),
        ("reload_config", ("model_config_list { config { name: 'a' base_path: 'b' model_platform: 'tensorflow' } }",),
         {}, ServingError, "b"),
        ("health", ("nobody",), {}, NotFound, "NOT_FOUND"),
    ],
)  # fmt: skip
def test_errors_are_sorted_and_carry_code_and_text(ask, method, arguments, how, kind, text):
    with pytest.raises(kind, match=re.escape(text)) as error:
        ask(method, *arguments, **how)
    assert str(error.value) == f"{error.value.code.name}: {error.value.details}"


@pytest.mark.parametrize(
    ("method", "rows", "how", "text"),
    [
        ("predict", [{"fare": 1}, {"fare": "cheap"}], {}, "row 1, fare: 'cheap' is not a number"),
        ("classify", [{"hour": 1.5}], {}, "row 0, hour: 1.5 is not a whole number"),
        ("predict", {"fare": 1}, {}, "rows must be a list of dicts"),
        ("classify", [3], {}, "rows must be a list of dicts"),
        ("predict", [{}], {"signature": "nothing"}, "no signature 'nothing'; it has classify, columnar, regress, serv"),
        ("predict", [{}], {"chunk_rows": 0}, "chunk_rows must be above 0, not 0"),
        ("predict", [{}], {"timeout": 0}, "timeout must be above 0"),
        ("multi_inference", [{}], {"signature": "regress"}, "name them in classify and regress"),
    ],
)
def test_invalid_calls_are_refused_before_they_are_sent(ask, method, rows, how, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        ask(method, "taxi", rows, **how)


def test_a_key_that_is_no_feature_is_left_out_or_refused(ask):
    row = [{"fare": 1, "Hour": 3}]
    assert ask("predict", "taxi", row, version=1)["said"].tolist() == [b"1.0|?|?|?,?"]
    for method in ("predict", "regress"):
        with pytest.raises(ValueError, match="row 0: Hour: the model has no such feature"):
            ask(method, "taxi", row, client={"strict": True})


def test_a_message_beyond_the_limit_is_refused(server):
    rows = [{"kind": "x" * 3000}]
    with Client(Connection(addresses=(server.target,), max_message_bytes=2000)) as client:
        assert client.predict("taxi", [{"kind": "x"}], version=1)["said"].tolist() == [b"?|?|x|?,?"]
        with pytest.raises(Overloaded, match=r"RESOURCE_EXHAUSTED: .*larger than max.* 2000"):
            client.predict("taxi", rows, version=1)
    with Client(server.target) as client:
        assert len(client.predict("taxi", rows * 2000, version=1)["said"]) == 2000


def test_a_hundred_calls_at_once(server):
    async def run():
        async with AsyncClient(server.target) as client:
            return await asyncio.gather(*(client.predict("taxi", [{"fare": index}], version=1) for index in range(100)))

    said = [outputs["said"].tolist() for outputs in asyncio.run(run())]
    assert said == [[f"{index}.0|?|?|?,?".encode()] for index in range(100)]


def test_signatures_are_read_anew_when_another_version_is_served_and_models_change_by_config(tmp_path):
    (tmp_path / "taxi").mkdir()
    trips.save(tmp_path / "taxi" / "1")
    flags = ("--model_name", "taxi", "--model_base_path", tmp_path / "taxi", "--file_system_poll_wait_seconds", "0.05")
    with (
        RunningServer(*flags, "--enable_grpc_healthcheck_service", monitoring=tmp_path / "monitoring") as server,
        Client(server.target) as client,
        Client(server.target) as other,
    ):
        other.classify("taxi", [{"fare": 1, "tip": 2}])
        assert client.health() == "SERVING"
        assert client.predict("taxi", [{"fare": 1, "tip": 2}])["said"].tolist() == [b"1.0|?|?|?,?"]
        trips.save(tmp_path / "taxi" / "2", with_tip=True)
        deadline = time.monotonic() + 30
        while other.status("taxi").get(1) != "END":
            assert time.monotonic() < deadline, "version 1 is still served"
            time.sleep(0.02)
        assert client.predict("taxi", [{"fare": 1, "tip": 2}])["said"].tolist() == [b"1.0|?|?|?,?|2.0"]
        # tf.Examples without the new feature are answered too: by the answer's version the client knows better.
        before = server.answered("taxi")
        other.classify("taxi", [{"fare": 1, "tip": 2}])
        assert server.answered("taxi") - before == 2
        other.regress("taxi", [{"fare": 1, "tip": 2}])
        assert server.answered("taxi") - before == 3
        text = config(entry("taxi", tmp_path / "taxi"), entry("again", tmp_path / "taxi"))
        client.reload_config(text)
        assert client.status("again") == {2: "AVAILABLE"}
        only = message("tensorflow.serving.ModelServerConfig")()
        only.model_config_list.config.add(name="again", base_path=str(tmp_path / "taxi"), model_platform="tensorflow")
        client.reload_config(only)
        with pytest.raises(NotFound):
            client.predict("taxi", [{}])


def run_main(capsys, monkeypatch, command, server, *arguments, given=""):
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    code = main([command, "--target", server.target, *map(str, arguments)])
    return code, *capsys.readouterr()


def test_the_command_line(capsys, monkeypatch, server, folder):
    def run(*arguments, given=""):
        return run_main(capsys, monkeypatch, *arguments, given=given)

    given = '{"fare": 25, "color": "red"}\n\n{"fare": 50, "hour": 3}\n'
    taxi = (server, "--model", "taxi", "--label", "stable")
    asked = (*taxi, "--input", "-")
    code, out, err = run("predict", *asked, "--chunk-rows", 1, given=given)
    assert (code, err) == (0, "ignored, the model has no such input: color\n")
    assert [json.loads(line) for line in out.splitlines()] == [{"said": "25.0|?|?|?,?"}, {"said": "50.0|3|?|?,?"}]
    keyed = run("predict", *asked, "--keys", "color", "fare", given=given)
    assert keyed[2] == ""
    assert [json.loads(line) for line in keyed[1].splitlines()] == [
        {"color": "red", "fare": 25, "said": "25.0|?|?|?,?"},
        {"color": None, "fare": 50, "said": "50.0|3|?|?,?"},
    ]
    assert "--keys: said: the model has an output" in run("predict", *asked, "--keys", "said", given='{"said": 1}')[2]
    assert run("predict", *asked, "--schema", folder / "schema.pbtxt", given=given)[1] == out
    assert run("classify", *asked, given=given)[1].splitlines()[0] == '{"cheap": 0.75, "dear": 0.25}'
    assert run("regress", *asked, given=given)[:2] == (0, "25.0\n50.0\n")
    assert run("status", server, "--model", "taxi")[:2] == (0, "1  AVAILABLE\n2  AVAILABLE\n")
    assert re.match(r"5  END  .*saved_model\.pb", run("status", server, "--model", "broken")[1])
    assert "  in  sizes                       float32  [-1, 2]\n" in run("metadata", *taxi)[1]
    table = folder / "rows.csv"
    table.write_text("fare,kind\n1.5,cash\n,\n")
    assert run("predict", *taxi, "--input", table)[1].splitlines()[1] == '{"said": "?|?|?|?,?"}'
    assert "taken as missing, no row has it: hour, sizes" in run("predict", *taxi, "--input", table)[2]
    table.write_text("fare;kind\n1.5;cash\n")
    code, out, err = run("predict", *taxi, "--input", table)
    assert (code, out) == (2, "")
    assert "rows.csv has no column that the model takes, which are 'fare', 'hour', 'kind' and 1 more; it has" in err
    code, _, err = run("status", server, "--model", "large")
    assert (code, err) == (1, f"{server.target}: NOT_FOUND: Could not find any versions of model large\n")
    for given, problem in (("", "- has no rows"), ('{"fare": "x"}', "row 0, fare: 'x' is not a number")):
        assert run("predict", *asked, given=given)[::2] == (2, f"predict: {problem}\n")
    assert "need --tls-ca" in run("status", server, "--model", "taxi", "--tls-key", "x")[2]


def test_the_snippets_of_the_docs_run(server, folder, monkeypatch):
    monkeypatch.chdir(folder)
    blocks = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
    assert len(blocks) >= 6
    names = {}
    for block in blocks:
        code = block.replace("localhost:8500", server.target)
        exec(compile(code, f"{DOC.name}", "exec"), names)
