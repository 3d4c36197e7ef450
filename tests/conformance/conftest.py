"""The server under test: the one that ``--target`` names, or an embedded one.

The tests import nothing else of the project, so that they hold for any server.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from tests.conformance.calls import SECONDS, Rest
from tests.conformance.deviations import DEVIATIONS
from tests.conformance.sources import OTHERS, report

_ANSWER_SECONDS = 10
_FOLDER = Path(__file__).parent
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass(frozen=True, kw_only=True)
class Target:
    """The address of the server.

    Attributes:
        grpc: ``host:port``.
        rest: ``host:port``, or None.
        models: the models' folder as the server sees it, or None.
        folder: the same where this process may write to it, or None.
        socket: a unix socket it listens on as well, or None.
    """

    grpc: str
    rest: str | None = None
    models: str | None = None
    folder: Path | None = None
    socket: str | None = None


def pytest_addoption(parser):
    group = parser.getgroup("conformance")
    group.addoption("--target", help="host:port of a server that has the models of tests.conformance.models (gRPC)")
    group.addoption("--rest_target", help="host:port of its REST API")
    group.addoption("--models", help="the models' folder as that server sees it; without it nothing is reloaded")


def pytest_configure(config):
    config.addinivalue_line("markers", "deviation(name): accepts what tests/conformance/deviations.py lists, too")
    config.addinivalue_line("markers", "source(files): the files of TF Serving that the cases come from")
    config.addinivalue_line("markers", "changes_server: changes what the server serves, so it runs last")


def pytest_collection_modifyitems(items):
    for item in items:
        for mark in item.iter_markers("deviation"):
            assert mark.args[0] in DEVIATIONS, f"{item.nodeid}: {mark.args[0]} is not in deviations.py"
        sources = item.get_closest_marker("source")
        assert sources or _FOLDER not in item.path.parents, f"{item.nodeid}: no mark says where the case comes from"
        for file in sources.args if sources else ():
            other, colon, _ = file.partition(": ")
            assert not colon or other in OTHERS, f"{item.nodeid}: {other} is not in sources.py"
            item.user_properties.append(("source", file))
    # Tests that change what the server serves come last.
    items.sort(key=lambda item: item.get_closest_marker("changes_server") is not None)


def pytest_terminal_summary(terminalreporter):
    cases = [
        (file, outcome)
        for outcome in ("passed", "failed", "skipped")
        for result in terminalreporter.stats.get(outcome, [])
        for name, file in getattr(result, "user_properties", [])
        if name == "source" and (outcome != "passed" or result.when == "call")
    ]
    if cases:
        terminalreporter.section("where the cases come from")
        terminalreporter.write("\n".join([*report(cases), ""]))


@pytest.fixture(scope="session")
def target(request, tmp_path_factory) -> Iterator[Target]:
    given = request.config.getoption("target", None)
    if given:
        rest, models = (request.config.getoption(name, None) for name in ("rest_target", "models"))
        _exit_unless_reached(given, rest)
        yield Target(grpc=given, rest=rest, models=models)
        return
    from serving.processes import warm_up

    warm_up()
    from tests.conformance import models
    from tests.serving.support.running import RunningServer

    folder = tmp_path_factory.mktemp("conformance") / "models"
    models.write(folder)
    socket = f"{folder.parent}/grpc.sock"
    flags = [
        *models.FLAGS,
        f"--model_config_file={folder}/models.config",
        f"--grpc_socket_path={socket}",
        f"--monitoring_config_file={folder}/monitoring.config",  # part: rest
        "--rest_api_port=-1",  # part: rest
    ]
    with RunningServer(*flags, log=folder.parent / "server.log") as server:
        yield Target(grpc=server.target, rest=server.rest, models=str(folder), folder=folder, socket=socket)


def _exit_unless_reached(target: str, rest_target: str | None) -> None:
    """One line instead of a traceback for every test."""
    try:
        with grpc.insecure_channel(target) as channel:
            grpc.channel_ready_future(channel).result(timeout=_ANSWER_SECONDS)
    except grpc.FutureTimeoutError:
        pytest.exit(f"--target {target}: no gRPC server answered within {_ANSWER_SECONDS} s", returncode=2)
    if rest_target:
        try:
            connection = http.client.HTTPConnection(rest_target, timeout=_ANSWER_SECONDS)
            connection.request("GET", "/v1/models/any")
            connection.getresponse()
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            pytest.exit(f"--rest_target {rest_target}: no HTTP server answered ({type(error).__name__})", returncode=2)


@pytest.fixture(scope="session")
def channel(target) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(target.grpc, options=_UNLIMITED) as channel:
        grpc.channel_ready_future(channel).result(timeout=SECONDS)
        yield channel


@pytest.fixture(scope="session")
def prediction(channel):
    """The stock stub of PredictionService."""
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="session")
def management(channel):
    """The stock stub of ModelService."""
    from tensorflow_serving.apis import model_service_pb2_grpc

    return model_service_pb2_grpc.ModelServiceStub(channel)


@pytest.fixture(scope="session")
def rest(target) -> Rest:
    if not target.rest:
        pytest.skip("needs --rest_target")
    return Rest(target.rest)


@pytest.fixture
def reload(management, target):
    """Changes the config; the original is restored after the test."""
    from tests.conformance.models import VERSIONED, VERSIONS
    from tests.conformance.reloading import Reloading, State, entry, eventually, states

    if not target.models:
        pytest.skip("needs --models, the models' folder as the server sees it")
    reloading = Reloading(management, target.models)
    yield reloading
    # One model's versions at a time: labels need theirs to be available.
    plain = reloading.original()
    entry(plain, VERSIONED).ClearField("version_labels")
    reloading(plain)
    eventually(lambda: states(management, VERSIONED) == dict.fromkeys(VERSIONS, State.AVAILABLE))
    reloading(reloading.original())
