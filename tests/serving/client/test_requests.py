"""The parts of the client that need no model server."""

import asyncio
import datetime
import decimal
import subprocess
import sys
import time
from concurrent import futures
from contextlib import closing, contextmanager

import grpc
import numpy as np
import pytest
from google.protobuf import text_format

from serving.client import (
    AsyncClient,
    Client,
    Connection,
    DeadlineExceeded,
    InvalidRequest,
    Refused,
    Retry,
    ServingError,
    Tls,
    Unavailable,
)
from serving.client.__main__ import main
from serving.client.errors import error_of
from serving.client.messages import tensors
from serving.client.messages.columns import array, column
from serving.client.messages.examples import features_of_schema, serialize
from serving.client.messages.protos import message, parse_text
from serving.client.messages.values import MISSING
from serving.client.rows import read_rows


def test_missing_values_have_their_spelling():
    rows = [{"f": 1, "i": "3", "s": "x"}, {"f": None, "i": ""}, {}]
    floats = column(rows, "f", np.dtype(np.float32))
    assert floats[0] == 1
    assert np.isnan(floats[1:]).all()
    assert column(rows, "i", np.dtype(np.int64)).tolist() == [3, MISSING["i"], MISSING["i"]]
    assert column(rows, "s", np.dtype(object)).tolist() == [b"x", b"", b""]


def test_big_integers_stay_exact():
    assert column([{"i": 2**60 + 1}, {"i": "17031081800"}], "i", np.dtype(np.int64)).tolist() == [
        2**60 + 1,
        17031081800,
    ]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ("cheap", np.float32),
        (1e300, np.float32),
        (1.5, np.int64),
        ("1.5", np.int64),
        (float("inf"), np.int64),
        (2**70, np.int64),
        ({"a": 1}, object),
        (["a", "b"], object),
        ("1_000", np.float32),
    ],
)
def test_wrong_values_name_row_and_key(value, dtype):
    with pytest.raises(ValueError, match=r"row 1, fare: .* is not a"):
        column([{"fare": 1}, {"fare": value}], "fare", np.dtype(dtype))


def test_a_list_may_be_flat_or_nested_and_missing_as_a_whole():
    rows = [{"p": [1, 2, 3, 4]}, {"p": [[5, 6], [7, 8]]}, {}]
    flat = column(rows, "p", np.dtype(np.float32), shape=[4])
    assert flat[:2].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert np.isnan(flat[2]).all()
    assert column(rows[:2], "p", np.dtype(np.int64), shape=[2, 2]).tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert column([], "p", np.dtype(np.float32), shape=[4]).shape == (0, 4)


def test_lists_of_any_length_are_padded_with_what_is_missing():
    rows = [{"t": ["a", "b"]}, {"t": "c"}, {}, {"t": ["d", None, ""]}, {"t": np.array(["e", "f"])}, {"t": []}]
    texts = column(rows, "t", np.dtype(object), shape=None)
    assert texts.tolist() == [[b"a", b"b"], [b"c", b""], [b"", b""], [b"d", b""], [b"e", b"f"], [b"", b""]]
    codes = column([{"c": [1, True]}, {"c": 0}], "c", np.dtype(np.int64), shape=None)
    assert codes.tolist() == [[1, 1], [0, MISSING["i"]]]
    assert column([{}], "t", np.dtype(object), shape=None).shape == (1, 0)
    assert column([], "t", np.dtype(object), shape=None).shape == (0, 0)
    assert column([{"n": [1, 2]}, {"n": [3, 4]}], "n", np.dtype(np.int32), shape=None).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="row 1, n: has 1 of 2 values, which an input of int32 cannot express"):
        column([{"n": [1, 2]}, {"n": [3]}], "n", np.dtype(np.int32), shape=None)
    with pytest.raises(ValueError, match=r"row 0, t: \[\['a'\], \['b', 'c'\]\] is not a list of texts"):
        column([{"t": [["a"], ["b", "c"]]}], "t", np.dtype(object), shape=None)


def test_a_list_of_fixed_length_keeps_the_places_of_what_it_lacks():
    floats = column([{"p": [1, None, 3]}, {"p": [None] * 3}], "p", np.dtype(np.float32), shape=[3])
    assert floats[0, [0, 2]].tolist() == [1, 3]
    assert np.isnan(floats[0, 1])
    assert np.isnan(floats[1]).all()
    whole = column([{"p": (1, float("nan"))}], "p", np.dtype(np.int64), shape=[2])
    assert whole.tolist() == [[1, MISSING["i"]]]
    # A vector of one number is a single value to the signature.
    assert column([{"p": [2.5]}, {"p": [None]}], "p", np.dtype(np.float32)).tolist()[0] == 2.5


def test_what_stands_in_a_file_is_sent_as_it_is():
    import pandas as pd

    days = [
        datetime.date(2024, 1, 31),
        datetime.datetime(2024, 1, 31, 12, 30),
        pd.Timestamp("2024-01-31T12:30:00.5Z"),
        np.datetime64("2024-01-31T12:30:00", "ns"),
        datetime.datetime(2024, 1, 31, 12, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        pd.NaT,
        pd.NA,
        np.datetime64("NaT"),
    ]
    assert column([{"d": day} for day in days], "d", np.dtype(object)).tolist() == [
        b"2024-01-31",
        b"2024-01-31T12:30:00",
        b"2024-01-31T12:30:00.500000Z",
        b"2024-01-31T12:30:00",
        b"2024-01-31T11:30:00Z",
        b"",
        b"",
        b"",
    ]
    answers = [True, False, np.bool_(True), "true", "False", "1", 1.0]
    assert column([{"b": each} for each in answers], "b", np.dtype(np.int64)).tolist() == [1, 0, 1, 1, 0, 1, 1]
    assert column([{"b": True}], "b", np.dtype(object)).tolist() == [b"True"]
    assert column([{"n": pd.NA}, {"n": decimal.Decimal("1.5")}], "n", np.dtype(np.float32))[1] == 1.5


def test_a_row_is_counted_from_the_first_of_all_requests():
    with pytest.raises(ValueError, match=r"row 7, f: 'x' is not a number"):
        column([{"f": 1}, {"f": "x"}], "f", np.dtype(np.float32), first=6)


@pytest.mark.parametrize("value", [[1, 2, 3], 7, ["a", "b", "c", "d"], "abcd", [[1, 2], [3]]])
def test_a_list_of_another_size_or_type_is_named(value):
    with pytest.raises(ValueError, match=r"row 1, p: .* is not a list of 4 numbers"):
        column([{"p": [1, 2, 3, 4]}, {"p": value}], "p", np.dtype(np.float32), shape=[4])


def test_a_row_of_a_csv_file_with_too_many_cells_is_refused(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n1,2\n3\n")
    assert read_rows(str(file)) == [{"a": "1", "b": "2"}, {"a": "3", "b": None}]
    file.write_text("a,b\n1,2,3,4\n")
    with pytest.raises(ValueError, match=r"rows.csv: a row has 2 more cells than the header, such as '3'"):
        read_rows(str(file))


def test_values_of_plain_types_are_as_all_others():
    """Those of Python's own types are converted at once."""
    for dtype, values in (
        (np.float32, [1, 2.5, None, float("inf"), 3e38]),
        (np.int64, [1, 2**60 + 1, -5]),
        (object, ["a", "", None, "ä"]),
    ):
        together = array(values, "x", np.dtype(dtype))
        alone = np.concatenate([array([value, np.float64("nan")], "x", np.dtype(dtype))[:1] for value in values])
        assert together.dtype == alone.dtype
        np.testing.assert_array_equal(together, alone)
    for dtype, value in ((np.float32, 10**400), (np.float32, 1e39), (np.int64, 2**63)):
        with pytest.raises(ValueError, match="row 1, x: "):
            array([1, value], "x", np.dtype(dtype))


def test_json_lines_errors_name_the_line(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\n\n{"a": \n')
    with pytest.raises(ValueError, match=r"rows.jsonl, line 3: is not JSON"):
        read_rows(str(file))


def test_the_client_starts_small_and_without_tensorflow():
    code = """
import psutil, sys
from serving.client import AsyncClient, Client, __main__
from serving.client.messages.protos import message
with Client("localhost:1") as client:
    message("tensorflow.serving.PredictRequest")(), message("tensorflow.metadata.v0.Schema")()
print([name for name in sys.modules if name.startswith(("tensorflow", "keras"))])
print(psutil.Process().memory_info().rss)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules, resident = done.stdout.splitlines()
    assert modules == "[]"
    assert int(resident) < 100 * 2**20


def test_command_line_reports_an_unreachable_server():
    command = [sys.executable, "-m", "serving.client", "status", "--target", "localhost:1", "--model", "taxi"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("localhost:1: UNAVAILABLE")
    assert "Traceback" not in done.stderr


def test_command_line_is_interrupted_without_a_traceback(capsys, monkeypatch):
    class Waiting:
        def __iter__(self):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Waiting())
    assert main(["predict", "--target", "localhost:1", "--model", "taxi", "--input", "-"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_files_that_cannot_be_read_are_named(tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_bytes(b"\xff\xfe")
    command = ["predict", "--target", "localhost:1", "--model", "taxi", "--input"]
    assert main([*command, str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err == f"predict: {tmp_path}/none.csv: No such file or directory\n"
    assert main([*command, str(tmp_path / "rows.jsonl")]) == 2
    assert capsys.readouterr().err == f"predict: {tmp_path}/rows.jsonl: is not UTF-8 text (byte 0)\n"


def test_nan_of_a_table_is_missing_in_every_column():
    rows = [{"v": float("nan")}, {"v": np.float32("nan")}]
    assert np.isnan(column(rows, "v", np.dtype(np.float32))).all()
    assert column(rows, "v", np.dtype(np.int64)).tolist() == [MISSING["i"]] * 2
    assert column(rows, "v", np.dtype(object)).tolist() == [b""] * 2
    with pytest.raises(ValueError, match="row 0, v: is missing, which an input of int32 cannot express"):
        column(rows, "v", np.dtype(np.int32))


SCHEMA = """
feature { name: "f" type: FLOAT value_count { max: 1 } }
feature { name: "i" type: INT shape { dim { size: 1 } } }
feature { name: "s" type: BYTES }
feature { name: "p" type: INT shape { dim { size: 2 } } }
"""


@pytest.fixture
def schema(tmp_path):
    (tmp_path / "schema.pbtxt").write_text(SCHEMA)
    return features_of_schema(tmp_path / "schema.pbtxt")


def test_rows_become_examples_of_the_schema_s_types(schema):
    rows = [
        {"f": 1, "i": "2", "s": ["a", b"\xff"], "p": [[1], [2]], "other": 3},
        {"f": None, "i": [7], "s": "x", "p": None},
        {"f": float("nan"), "i": "", "s": ""},
    ]
    first, second, third = (message("tensorflow.Example").FromString(each) for each in serialize(rows, schema))
    assert first.features.feature["f"].float_list.value == [1.0]
    assert first.features.feature["i"].int64_list.value == [2]
    assert first.features.feature["s"].bytes_list.value == [b"a", b"\xff"]
    assert first.features.feature["p"].int64_list.value == [1, 2]
    assert sorted(first.features.feature) == ["f", "i", "p", "s"]
    assert sorted(second.features.feature) == ["i", "s"]
    assert not third.features.feature


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"f": [1, 2]}, r"row 1, f: \[1, 2\] is not a number"),
        ({"i": 1.5}, "row 1, i: 1.5 is not a whole number"),
        ({"i": 2**70}, "row 1, i: .* is not a whole number"),
        ({"p": [1, 2, 3]}, "row 1, p: .* is not a list of 2 whole numbers"),
        ({"s": {"a": 1}}, "row 1, s: .* is not a list of texts"),
    ],
)
def test_examples_name_the_row_and_key_that_do_not_fit(schema, row, text):
    with pytest.raises(ValueError, match=text):
        serialize([{}, row], schema)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("feature { nmae: 'x' }", "not a text-format tensorflow.metadata.v0.Schema: 1:11"),
        ("", "the schema has no features"),
        ("feature { name: 'x' type: STRUCT }", "feature x: type STRUCT is not INT, FLOAT or BYTES"),
    ],
)
def test_an_invalid_schema_is_refused(tmp_path, text, problem):
    (tmp_path / "schema.pbtxt").write_text(text)
    with pytest.raises(ValueError, match=f"schema.pbtxt: {problem}"):
        features_of_schema(tmp_path / "schema.pbtxt")


def test_a_models_config_is_read_and_written_as_text():
    text = 'model_config_list { config { name: "a" base_path: "/m" version_labels { key: "stable" value: 3 } } }'
    config = parse_text(text, "tensorflow.serving.ModelServerConfig")
    assert config.model_config_list.config[0].version_labels["stable"] == 3
    assert parse_text(text_format.MessageToString(config), "tensorflow.serving.ModelServerConfig") == config


@pytest.mark.parametrize(
    ("addresses", "target"),
    [
        ("localhost:8500", "dns:///localhost:8500"),
        ("dns:///models:8500", "dns:///models:8500"),
        ("unix:/tmp/socket", "unix:/tmp/socket"),
        ("127.0.0.1:1,127.0.0.2:2", "ipv4:127.0.0.1:1,127.0.0.2:2"),
        ("127.0.0.1:1, localhost:1", "ipv4:127.0.0.1:1"),
        ("[::1]:1,127.0.0.1:2", "ipv6:[::1]:1,[::ffff:127.0.0.1]:2"),
    ],
)
def test_addresses_become_a_grpc_target(addresses, target):
    assert Connection.of(addresses).target() == target


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Connection.of(""), "no address is given"),
        (lambda: Connection.of("localhost"), "'localhost' is not host:port"),
        (lambda: Connection.of("a:1,dns:///b:1"), "'dns:///b:1': a gRPC target must be the only address"),
        (lambda: Connection(addresses=("a:1", "b:1"), tls=Tls()), "need server_name"),
        (lambda: Connection(addresses=("a:1",), max_message_bytes=2**31), "max_message_bytes: 2147483648 is not"),
        (lambda: Retry(attempts=6), "attempts: 6 is not between 1 and 5"),
        (lambda: Retry(initial_seconds=0), "must be above 0"),
        (lambda: Tls(certificate="a"), "give both the client"),
        (lambda: Client("a:1", requests_in_flight=0), "requests_in_flight must be above 0, not 0"),
    ],
)
def test_connections_that_cannot_be_are_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_an_unknown_name_among_several_is_refused():
    with pytest.raises(OSError, match="nowhere.invalid:1: the name is unknown"):
        Connection.of("localhost:1,nowhere.invalid:1").target()


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        ("FAILED_PRECONDITION", "x", InvalidRequest),
        ("UNAVAILABLE", "Connection refused", Unavailable),
        ("UNAVAILABLE", "Ssl handshake failed", Refused),
        ("UNAUTHENTICATED", None, Refused),
        ("UNIMPLEMENTED", "x", ServingError),
    ],
)
def test_errors_are_sorted_by_what_can_be_done(code, details, kind):
    error = error_of(grpc.StatusCode[code], details)
    assert type(error) is kind
    assert (error.code.name, error.details) == (code, details or "")


class Moody(grpc.GenericRpcHandler):
    """A server that ends its first calls in given status codes, None for well, and has no opinion on models."""

    def __init__(self, *moods, details="not now", pause=0.0):
        self.moods, self.details, self.pause, self.asked = list(moods), details, pause, 0
        self.deadlines = []

    def service(self, _):
        def answer(_, context):
            self.asked += 1
            self.deadlines.append(time.monotonic() + context.time_remaining())
            time.sleep(self.pause)
            mood = self.moods.pop(0) if self.moods else None
            if mood:
                context.abort(grpc.StatusCode[mood], self.details)
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def listening(handler):
    """The address of a server on a real port."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.fixture(params=[Client, AsyncClient])
def ask(request):
    """``ask(address, attempts, client's arguments, method, *arguments)`` through either client."""

    def synchronous(address, attempts, settings, method, *arguments, **how):
        retry = Retry(attempts=attempts, initial_seconds=0.01)
        with Client(Connection(addresses=(address,), retry=retry), **settings) as client:
            return getattr(client, method)(*arguments, **how)

    def asynchronous(address, attempts, settings, method, *arguments, **how):
        async def run():
            retry = Retry(attempts=attempts, initial_seconds=0.01)
            async with AsyncClient(Connection(addresses=(address,), retry=retry), **settings) as client:
                return await getattr(client, method)(*arguments, **how)

        return asyncio.run(run())

    return synchronous if request.param is Client else asynchronous


@pytest.mark.parametrize(
    ("moods", "attempts", "asked", "end"),
    [
        (["UNAVAILABLE", "CANCELLED"], 3, 3, None),
        (["UNAVAILABLE"] * 3, 3, 3, "UNAVAILABLE"),
        (["UNAVAILABLE"], 1, 1, "UNAVAILABLE"),
        (["INTERNAL"], 3, 1, "INTERNAL"),
        (["RESOURCE_EXHAUSTED"], 3, 1, "RESOURCE_EXHAUSTED"),
    ],
)
def test_only_calls_without_a_server_are_retried(ask, moods, attempts, asked, end):
    handler = Moody(*moods)
    with listening(handler) as address:
        if end:
            with pytest.raises(ServingError, match=f"{end}: not now"):
                ask(address, attempts, {}, "status", "any")
        else:
            assert ask(address, attempts, {}, "status", "any") == {}
    assert handler.asked == asked


# gRPC's text when a connection breaks; the client then retries once by itself.
BROKEN = "Socket closed"


@pytest.mark.parametrize("details", ["not now", BROKEN])
def test_a_reload_is_never_sent_again(ask, details):
    handler = Moody("UNAVAILABLE", details=details)
    with listening(handler) as address, pytest.raises(Unavailable, match=details):
        ask(address, 5, {}, "reload_config", "model_config_list {}")
    assert handler.asked == 1


def test_all_attempts_share_one_timeout(ask):
    handler = Moody("UNAVAILABLE", "UNAVAILABLE", details=BROKEN, pause=0.5)
    with listening(handler) as address:
        assert ask(address, 2, {"timeout": 10}, "status", "any") == {}
        assert handler.asked == 3
        # The third one, the client's own, began a second after the first and is to end at the same moment.
        assert handler.deadlines[2] - handler.deadlines[0] < 0.5
        handler.moods = ["UNAVAILABLE"] * 9
        handler.asked = 0
        with pytest.raises((DeadlineExceeded, Unavailable)):
            ask(address, 2, {"timeout": 0.8}, "status", "any")
    assert handler.asked == 2


def test_of_many_chunks_only_the_broken_one_is_retried(ask):
    handler = Moody(None, "UNAVAILABLE", "UNAVAILABLE", details=BROKEN)
    arrays = {"x": np.zeros((3, 1), np.float32)}
    with listening(handler) as address:
        ask(address, 2, {"requests_in_flight": 1}, "predict_arrays", "any", arrays, chunk_rows=1)
    assert handler.asked == 1 + 3 + 1


class Lenient(grpc.GenericRpcHandler):
    """A server of one version that answers with the names of the features it got."""

    def __init__(self):
        self.asked = []
        self.serve(1, "fare")

    def serve(self, version, *features, prefix=""):
        self.version, self.features, self.prefix = version, features, prefix

    def service(self, details):
        method = details.method.rpartition("/")[2]
        request = {"Classify": "ClassificationRequest", "Regress": "RegressionRequest"}.get(method, f"{method}Request")

        def answer(data, _):
            self.asked.append(method)
            parsed = message(f"tensorflow.serving.{request}")().FromString(data)
            return getattr(self, f"_{method.lower()}")(parsed).SerializeToString()

        return grpc.unary_unary_rpc_method_handler(answer)

    def _response(self, name):
        response = message(f"tensorflow.serving.{name}Response")()
        if name != "MultiInference":
            self._sign(response.model_spec)
        return response

    def _sign(self, spec, signature=""):
        spec.signature_name = signature
        if self.version is not None:
            spec.version.value = self.version

    def _getmodelmetadata(self, _):
        signatures = message("tensorflow.serving.SignatureDefMap")()
        for name in ("classify", "regress", "columnar"):
            signature = signatures.signature_def[name]
            signature.method_name = f"tensorflow/serving/{name}"
            for feature in self.features if name == "columnar" else ("inputs",):
                info = signature.inputs[feature]
                info.name, info.dtype = f"{self.prefix}{feature}:0", 1
                info.tensor_shape.dim.add(size=-1)
        response = self._response("GetModelMetadata")
        response.metadata["signature_def"].value = signatures.SerializeToString()
        return response

    def _predict(self, request):
        response = self._response("Predict")
        tensors.fill(response.outputs["got"], np.array(["+".join(sorted(request.inputs)).encode()], object))
        return response

    def _classify(self, request):
        response = self._response("Classification")
        response.result.classifications.add().classes.add(label=_got(request))
        return response

    def _regress(self, request):
        response = self._response("Regression")
        response.result.regressions.add(value=len(_got(request).split("+")))
        return response

    def _multiinference(self, request):
        response = self._response("MultiInference")
        result = response.results.add()
        self._sign(result.model_spec, "classify")
        result.classification_result.classifications.add().classes.add(label=_got(request))
        return response


def _got(request):
    (example,) = request.input.example_list.examples
    return "+".join(sorted(example.features.feature))


TRIP = [{"fare": 3.0, "miles": 2.0}]


@pytest.fixture(params=["sync", "asyncio"])
def calls(request):
    """A function that makes a call with either client, the same one each time, and the server."""
    handler = Lenient()
    with listening(handler) as address:
        if request.param == "sync":
            with Client(address) as client:
                yield lambda method, *arguments, **how: getattr(client, method)(*arguments, **how), handler
            return
        with closing(asyncio.new_event_loop()) as loop:
            run = loop.run_until_complete

            async def start():
                return AsyncClient(address)

            client = run(start())
            yield lambda method, *arguments, **how: run(getattr(client, method)(*arguments, **how)), handler
            run(client.close())


@pytest.mark.parametrize(
    ("method", "how", "rpc", "one", "two"),
    [
        ("predict", {}, "Predict", {"got": np.array([b"fare"])}, {"got": np.array([b"fare+miles"])}),
        ("classify", {}, "Classify", [[("fare", 0.0)]], [[("fare+miles", 0.0)]]),
        ("regress", {}, "Regress", np.array([1.0]), np.array([2.0])),
        ("multi_inference", {"classify": ["classify"]}, "MultiInference", {"classify": [[("fare", 0.0)]]},
         {"classify": [[("fare+miles", 0.0)]]}),
    ],
)  # fmt: skip
def test_a_version_with_another_feature_gets_it(calls, method, how, rpc, one, two):
    call, server = calls

    def asked(method, *arguments, **how):
        """The answer and which requests it took."""
        server.asked.clear()
        return call(method, *arguments, **how), server.asked[:]

    metadata = "GetModelMetadata"
    assert asked(method, "taxi", TRIP, **how) == (one, [metadata, rpc])
    assert asked(method, "taxi", TRIP, **how) == (one, [rpc])
    server.serve(2, "fare", "miles")
    assert asked(method, "taxi", TRIP, **how) == (two, [rpc, metadata, rpc])
    # The next one takes the same inputs by other tensors: the answer is valid.
    server.serve(3, "fare", "miles", prefix="serving_")
    assert asked(method, "taxi", TRIP, **how) == (two, [rpc, metadata])
    assert asked(method, "taxi", TRIP, **how) == (two, [rpc])
    # Other servers may not name their version.
    server.serve(None, "fare", "miles")
    assert asked(method, "taxi", TRIP, **how) == (two, [rpc])
