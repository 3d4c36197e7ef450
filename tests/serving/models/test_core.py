"""Versions, labels and reloads of the models config, on real SavedModels and without a port."""

from __future__ import annotations

import os
import shutil
import threading
import time

import grpc
import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_pb2
from tensorflow_serving.config import model_server_config_pb2

from serving.errors import StatusError
from serving.inference.engine import SavedModel
from serving.models.core import ServerCore
from serving.models.manager import Retries, VersionState
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


def config(*entries: str) -> model_server_config_pb2.ModelServerConfig:
    text = "".join(f"config {{ {entry} }}" for entry in entries)
    return text_format.Parse(f"model_config_list {{ {text} }}", model_server_config_pb2.ModelServerConfig())


def entry(base_path, more="", *, name="m", platform="tensorflow") -> str:
    return f'name: "{name}" base_path: "{base_path}" model_platform: "{platform}" {more}'


def spec(**fields) -> model_pb2.ModelSpec:
    result = model_pb2.ModelSpec(name=fields.pop("name", "m"))
    if "version" in fields:
        result.version.value = fields["version"]
    if "label" in fields:
        result.version_label = fields["label"]
    return result


def ask(core, model_spec) -> tuple[int, float]:
    """Version and answer for x = 2."""
    with core.acquire(model_spec) as handle:
        signature = handle.servable.signatures["serving_default"]
        outputs = handle.servable.run(signature, {"x": np.array([[2.0]], np.float32)})
        return handle.version, float(outputs["y"][0][0])


def states(core, name="m") -> dict[int, int]:
    return {status.version: status.state for status in core.status(spec(name=name))}


@pytest.fixture
def make_core():
    cores = []

    def make(**options) -> ServerCore:
        options = {"load": lambda _, folder: SavedModel(str(folder)), "poll_seconds": 0.02, **options}
        cores.append(ServerCore(**options))
        return cores[-1]

    yield make
    for core in cores:
        core.stop()


@pytest.fixture
def base_path(tmp_path, half_plus):
    folder = tmp_path / "m"
    folder.mkdir()
    for version, constant in ((1, 2.0), (2, 3.0), (3, 4.0)):
        half_plus(folder / str(version), constant=constant)
    return folder


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("", [3]),
        ("model_version_policy { latest { num_versions: 2 } }", [2, 3]),
        ("model_version_policy { all {} }", [1, 2, 3]),
        ("model_version_policy { specific { versions: 1 versions: 3 versions: 77 } }", [1, 3]),
    ],
)
def test_a_policy_says_which_versions_are_served(make_core, base_path, policy, served):
    (base_path / "4-copy").mkdir()
    (base_path / ".stage-9").mkdir()
    core = make_core()
    core.reload(config(entry(base_path, policy)))
    assert states(core) == {version: VersionState.AVAILABLE for version in served}
    assert ask(core, spec()) == (max(served), 2.0 + max(served))
    assert ask(core, spec(version=served[0])) == (served[0], 2.0 + served[0])
    with pytest.raises(StatusError, match=r"Servable not found for request: Specific\(m, 77\)"):
        ask(core, spec(version=77))


def test_another_policy_loads_before_it_unloads(make_core, base_path):
    core = make_core()
    core.reload(config(entry(base_path)))
    core.reload(config(entry(base_path, "model_version_policy { specific { versions: 1 } }")))
    wait_for(lambda: states(core) == {1: VersionState.AVAILABLE, 3: VersionState.END})
    assert ask(core, spec()) == (1, 3.0)


def test_a_version_in_use_is_unloaded_after_its_last_request(make_core, base_path, half_plus):
    core = make_core()
    core.reload(config(entry(base_path)))
    with core.acquire(spec()) as handle:
        half_plus(base_path / "4", constant=5.0)
        wait_for(lambda: states(core)[3] == VersionState.UNLOADING)
        outputs = handle.servable.run(
            handle.servable.signatures["serving_default"], {"x": np.array([[2.0]], np.float32)}
        )
        assert outputs["y"][0][0] == 5.0
    wait_for(lambda: states(core)[3] == VersionState.END)


def test_an_emptied_folder_unloads_and_a_missing_one_does_not(make_core, base_path):
    core = make_core()
    core.reload(config(entry(base_path)))
    hidden = base_path.with_name("hidden")
    base_path.rename(hidden)
    time.sleep(0.1)
    assert ask(core, spec())[0] == 3
    base_path.mkdir()
    wait_for(lambda: states(core)[3] == VersionState.END)


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


def test_a_broken_version_keeps_the_old_one_until_it_is_fixed(make_core, base_path, half_plus):
    core = make_core(retries=Retries(longest_seconds=3600.0))
    core.reload(config(entry(base_path)))
    half_plus(base_path / "4", constant=5.0)
    wait_for(lambda: states(core).get(4) == VersionState.AVAILABLE)
    shutil.copytree(base_path / "4", base_path / ".stage")
    good = (base_path / ".stage" / "saved_model.pb").read_bytes()
    os.truncate(base_path / ".stage" / "saved_model.pb", 100)
    (base_path / ".stage").rename(base_path / "5")
    wait_for(lambda: states(core).get(5) == VersionState.END)
    failed = core.status(spec(version=5))[0]
    assert failed.error_code
    assert "saved_model.pb" in failed.error
    assert ask(core, spec())[0] == 4
    (base_path / "5" / "saved_model.pb").write_bytes(good)
    wait_for(lambda: states(core)[5] == VersionState.AVAILABLE)
    assert ask(core, spec())[0] == 5


@pytest.mark.parametrize("most", [0, 2])
def test_retries_can_be_limited(make_core, tmp_path, most):
    tries = []

    def load(_, folder):
        tries.append(folder)
        return SavedModel(str(folder))

    (tmp_path / "m" / "1").mkdir(parents=True)
    core = make_core(load=load, retries=Retries(most=most, longest_seconds=0.01))
    with pytest.raises(StatusError, match="did not become available"):
        core.reload(config(entry(tmp_path / "m")))
    wait_for(lambda: len(tries) == most + 1)
    time.sleep(0.2)
    assert len(tries) == most + 1


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


def test_a_request_without_end_holds_up_nothing_but_itself(make_core, base_path, half_plus, tmp_path):
    core = make_core()
    core.reload(config(entry(base_path), entry(base_path, name="other")))
    with core.acquire(spec()), core.acquire(spec(name="other")):
        half_plus(base_path / "4", constant=5.0)
        wait_for(lambda: ask(core, spec())[0] == 4)
        half_plus(base_path / "5", constant=6.0)
        wait_for(lambda: ask(core, spec())[0] == 5)
        assert states(core)[3] == VersionState.UNLOADING
        # A reload that leaves the model out does not wait for its requests, nor does the next one.
        core.reload(config(entry(base_path)))
        core.reload(config(entry(base_path), entry(base_path, name="third")))
        assert not core.stop(timeout_seconds=0.1)
    assert core.stop(timeout_seconds=10)


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


@pytest.mark.slow
def test_folder_and_policy_change_together(make_core, base_path, half_plus, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    half_plus(other / "7", constant=6.0)
    core = make_core()
    core.reload(config(entry(base_path)))
    seen, stop = set(), threading.Event()

    def look():
        while not stop.is_set():
            seen.add(bool(core.serves("m")))

    looker = threading.Thread(target=look)
    looker.start()
    for _ in range(10):
        core.reload(config(entry(other, "model_version_policy { specific { versions: 7 } }")))
        wait_for(lambda: ask(core, spec())[0] == 7)
        core.reload(config(entry(base_path, "model_version_policy { specific { versions: 3 } }")))
        wait_for(lambda: ask(core, spec())[0] == 3)
    stop.set()
    looker.join()
    assert seen == {True}


def test_a_version_that_cannot_even_be_looked_at_keeps_no_other_from_being_served(make_core, base_path):
    (base_path / "9").mkdir()
    (base_path / "9" / "saved_model.pb").symlink_to(base_path / "9" / "saved_model.pb")
    core = make_core()
    core.reload(config(entry(base_path, "model_version_policy { all {} }")))
    assert ask(core, spec())[0] == 3
    assert core.status(spec(version=9))[0].state == VersionState.END


def test_a_model_that_never_loads_leaves_a_server_ready_that_was(make_core, base_path, tmp_path):
    core = make_core()
    core.reload(config(entry(base_path)))
    assert core.is_ready()
    with pytest.raises(StatusError):
        core.reload(config(entry(base_path), entry(tmp_path / "lost", name="lost")))
    assert core.is_ready()
