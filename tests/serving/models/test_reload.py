"""Reloads of the models config, labels and readiness, on real SavedModels and without a port."""

from __future__ import annotations

import threading

import grpc
import pytest
from tensorflow_serving.config import model_server_config_pb2

from serving.errors import StatusError
from serving.inference.engine import SavedModel
from serving.models.manager import VersionState
from tests.serving.models.cores import ask, config, entry, spec, states
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


def test_labels_move_only_to_what_is_available(make_core, base_path):
    core = make_core()
    every = "model_version_policy { all {} }"
    # At the start labels are set after loading; TF Serving needs a flag for that.
    core.reload(config(entry(base_path, every + ' version_labels { key: "stable" value: 1 }')))
    assert ask(core, spec(label="stable"))[0] == 1
    core.reload(config(entry(base_path, every + ' version_labels { key: "stable" value: 2 }')))
    assert ask(core, spec(label="stable"))[0] == 2
    with pytest.raises(StatusError) as refused:
        core.reload(config(entry(base_path, every + ' version_labels { key: "stable" value: 9 }')))
    assert refused.value.code == grpc.StatusCode.FAILED_PRECONDITION
    assert "Request to assign label to version 9 of model m, which is not currently available" in refused.value.text
    assert ask(core, spec(label="stable"))[0] == 2
    with pytest.raises(StatusError, match="Unrecognized servable version label: canary"):
        ask(core, spec(label="canary"))


def test_new_labels_may_go_ahead_of_versions_where_that_is_allowed(make_core, base_path, half_plus):
    core = make_core(allow_labels_for_unavailable_versions=True)
    core.reload(config(entry(base_path)))
    core.reload(config(entry(base_path, 'version_labels { key: "next" value: 4 }')))
    with pytest.raises(StatusError, match=r"Specific\(m, 4\)"):
        ask(core, spec(label="next"))
    half_plus(base_path / "4", constant=5.0)
    wait_for(lambda: 4 in states(core) and states(core)[4] == VersionState.AVAILABLE)
    assert ask(core, spec(label="next"))[0] == 4
    with pytest.raises(StatusError, match="Request to assign label to version 7"):
        core.reload(config(entry(base_path, 'version_labels { key: "next" value: 7 }')))


def test_a_missing_model_does_not_affect_the_others(make_core, base_path, tmp_path, half_plus):
    core = make_core()
    with pytest.raises(
        StatusError, match=r"1 servable\(s\) did not become available: \{\{\{name: lost version: none found\}\}, \}"
    ):
        core.reload(config(entry(tmp_path / "lost", name="lost"), entry(base_path)))
    assert ask(core, spec())[0] == 3
    assert not core.is_ready()
    (tmp_path / "lost").mkdir()
    half_plus(tmp_path / "lost" / "1")
    wait_for(core.is_ready)
    assert ask(core, spec(name="lost")) == (1, 3.0)


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([("m", "/tmp/a", "tensorflow"), ("m", "/tmp/b", "tensorflow")], "Illegal to list model m multiple times"),
        ([("m", "relative", "tensorflow")], "Expected model m to have an absolute path"),
        ([("new", "/tmp/a", "caffe")], "Model new requests unsupported platform caffe"),
        ([("m", "/tmp/a", "caffe")], "Illegal to change a model's platform. For model m platform was tensorflow"),
        ([("m", "/tmp/a", "")], "Illegal setting neither ModelServerConfig::model_type"),
    ],
)
def test_a_config_that_is_refused_changes_nothing(make_core, base_path, entries, text):
    core = make_core()
    core.reload(config(entry(base_path)))
    with pytest.raises(StatusError, match=text) as refused:
        core.reload(config(*(entry(path, name=name, platform=platform) for name, path, platform in entries)))
    assert refused.value.code == grpc.StatusCode.INVALID_ARGUMENT
    assert ask(core, spec())[0] == 3


def test_a_list_without_models_and_no_list_at_all(make_core, base_path):
    """The start and a reload take the same; an empty file is no list, and a list stays one (server_core.cc)."""
    core = make_core()
    core.reload(model_server_config_pb2.ModelServerConfig())
    assert not core.is_ready()
    for _ in range(2):
        core.reload(config())
        assert core.is_ready()
        with pytest.raises(StatusError, match="Servable not found"):
            ask(core, spec())
    core.reload(config(entry(base_path)))
    assert ask(core, spec()) == (3, 5.0)
    with pytest.raises(StatusError, match="only legal to transition from one ModelConfigList to another"):
        core.reload(model_server_config_pb2.ModelServerConfig())
    assert ask(core, spec()) == (3, 5.0)


def test_what_the_start_accepts_is_accepted_again(make_core, base_path):
    """Also a label whose version is not there."""
    core = make_core()
    given = config(entry(base_path, 'version_labels { key: "next" value: 9 }'))
    for _ in range(2):
        core.reload(given)
        assert ask(core, spec()) == (3, 5.0)
    moved = config(entry(base_path, 'version_labels { key: "next" value: 8 }'))
    with pytest.raises(StatusError, match="not currently available for inference"):
        core.reload(moved)


def test_a_model_that_does_not_load_is_named(make_core, tmp_path):
    """A start names servables, a reload models (load_servables_fast.cc, server_core.cc)."""
    core = make_core()
    for name, unit in (("a", "servable"), ("b", "model")):
        with pytest.raises(StatusError, match=rf"1 {unit}\(s\) did not become available: \{{\{{\{{name: {name} "):
            core.reload(config(entry(tmp_path / "none", name=name)))


def test_models_that_are_left_out_are_unloaded(make_core, base_path):
    core = make_core()
    core.reload(config(entry(base_path), entry(base_path, name="other")))
    core.reload(config(entry(base_path, name="other")))
    with pytest.raises(StatusError, match=r"Servable not found for request: Latest\(m\)"):
        ask(core, spec())
    with pytest.raises(StatusError, match="Could not find any versions of model m"):
        core.status(spec())
    assert ask(core, spec(name="other"))[0] == 3


def test_reloads_and_requests_at_the_same_time(make_core, base_path):
    core = make_core()
    first = config(entry(base_path, 'model_version_policy { all {} } version_labels { key: "stable" value: 1 }'))
    second = config(entry(base_path, 'model_version_policy { all {} } version_labels { key: "stable" value: 2 }'))
    core.reload(first)
    failures, stop = [], threading.Event()

    def keep_asking():
        while not stop.is_set():
            try:
                version, answer = ask(core, spec(label="stable"))
                assert (version, answer) in {(1, 3.0), (2, 4.0)}
            except Exception as error:  # noqa: BLE001 (reported below)
                failures.append(error)

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(40):
        core.reload(second if turn % 2 else first)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_reload_is_refused_while_another_one_loads(make_core, base_path):
    begun, go_on = threading.Event(), threading.Event()

    def load(name, folder):
        if name == "slow":
            begun.set()
            assert go_on.wait(20)
        return SavedModel(str(folder))

    core = make_core(load=load)
    core.reload(config(entry(base_path)))
    first = threading.Thread(target=core.reload, args=[config(entry(base_path), entry(base_path, name="slow"))])
    first.start()
    assert begun.wait(20)
    with pytest.raises(StatusError, match="Another reload of the config is running") as refused:
        core.reload(config(entry(base_path)))
    assert refused.value.code == grpc.StatusCode.UNAVAILABLE
    assert ask(core, spec())[0] == 3
    go_on.set()
    first.join()
    assert ask(core, spec(name="slow"))[0] == 3


def test_a_model_that_never_loads_leaves_a_server_ready_that_was(make_core, base_path, tmp_path):
    core = make_core()
    core.reload(config(entry(base_path)))
    assert core.is_ready()
    with pytest.raises(StatusError):
        core.reload(config(entry(base_path), entry(tmp_path / "lost", name="lost")))
    assert core.is_ready()
