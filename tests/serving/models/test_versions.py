"""Which versions are loaded, kept, tried again and unloaded, on real SavedModels and without a port."""

from __future__ import annotations

import os
import shutil
import threading
import time

import numpy as np
import pytest

from serving.errors import StatusError
from serving.inference.engine import SavedModel
from serving.models.manager import Retries, VersionState
from tests.serving.models.cores import ask, config, entry, spec, states
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


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
