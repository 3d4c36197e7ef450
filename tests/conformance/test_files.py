"""What the server finds in its folders (file_system_storage_path_source_test.cc); for a server of this machine only."""

from __future__ import annotations

import shutil

import pytest
from grpc import StatusCode

from tests.conformance.calls import refused, spec
from tests.conformance.models import HALF_PLUS_TWO, SPARE, export_tf1
from tests.conformance.reloading import State, add, ask, eventually, states

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.changes_server,
    pytest.mark.source("sources/storage_path/file_system_storage_path_source_test.cc"),
]


@pytest.fixture
def spare(reload, target):
    """The folder of a model that is served, version 1."""
    if target.folder is None:
        pytest.skip("writes to the server's files")
    new = reload.original()
    add(new, SPARE, reload.folder)
    reload(new)
    return target.folder / SPARE


def test_a_new_version_is_found_and_takes_over(prediction, management, spare):
    export_tf1(spare / "temporary-2", constant=7.0)
    (spare / "temporary-2").rename(spare / "2")
    eventually(lambda: ask(prediction, spec(SPARE)) == [8.0])
    eventually(lambda: states(management, SPARE) == {2: State.AVAILABLE, 1: State.END})
    shutil.rmtree(spare / "2")
    eventually(lambda: ask(prediction, spec(SPARE)) == [6.0])


@pytest.mark.deviation("retries")
def test_a_version_that_fails_to_load_is_loaded_once_fixed(prediction, management, spare):
    export_tf1(spare / "temporary-3", constant=9.0)
    graph = spare / "temporary-3" / "saved_model.pb"
    good = graph.read_bytes()
    graph.write_bytes(good[:50])
    (spare / "temporary-3").rename(spare / "3")
    eventually(lambda: states(management, SPARE).get(3) == State.END)
    assert ask(prediction, spec(SPARE)) == [6.0]
    (spare / "3" / "saved_model.pb").write_bytes(good)
    eventually(lambda: ask(prediction, spec(SPARE)) == [10.0])
    shutil.rmtree(spare / "3")
    eventually(lambda: ask(prediction, spec(SPARE)) == [6.0])


@pytest.mark.deviation("missing_base_path")
def test_a_missing_base_path_does_not_affect_other_models(prediction, reload, target):
    if target.folder is None:
        pytest.skip("TF Serving would not answer this call, and look for no versions any more")
    new = reload.original()
    add(new, "nowhere", reload.folder)
    with refused(StatusCode.UNKNOWN, begins="1 model(s) did not become available: "):
        reload(new)
    assert ask(prediction, spec(HALF_PLUS_TWO)) == [3.0]
