"""What killed runs leave, in real ML Metadata and real folders."""

import fcntl
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from pipeline.config import loading
from pipeline.running import metadata
from pipeline.running.recovery import database, recovery
from pipeline.running.recovery.recovery import RunFolderBroken

_State = metadata_store_pb2.Execution.State
STATES = (_State.COMPLETE, _State.RUNNING, _State.FAILED)


@pytest.fixture
def config(tmp_path):
    return loading.load(config=Path("configs/taxi.yaml"), profile="local", overrides=[f"runs={tmp_path}"])


@pytest.fixture
def store(config) -> MetadataStore:
    """One execution in each state, each with a model."""
    config.run_folder.mkdir()
    store = MetadataStore(metadata.connection_to(config.metadata_file))
    node = store.put_context_type(metadata_store_pb2.ContextType(name="node"))
    [context] = store.put_contexts([metadata_store_pb2.Context(type_id=node, name="taxi.Trainer")])
    kind = store.put_execution_type(metadata_store_pb2.ExecutionType(name="Trainer"))
    for state in STATES:
        execution = metadata_store_pb2.Execution(type_id=kind, last_known_state=state)
        [number] = store.put_executions([execution])
        link = metadata_store_pb2.Association(context_id=context, execution_id=number)
        store.put_attributions_and_associations([], [link])
        make(config, f"artifacts/Trainer/model/{number}/Format-Serving/saved_model.pb")
        make(config, f"artifacts/Trainer/.system/executor_execution/{number}/executor_output.pb")
    return store


def make(config, name: str) -> Path:
    path = config.run_folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_run_clears_away_what_dead_runs_left_and_nothing_else(config, store):
    # Completed files of an execution that was killed before it was recorded as complete.
    half = make(config, "artifacts/Trainer/.system/executor_execution/9/.temp/x").parent.parent
    make(config, "artifacts/Trainer/model/9/Format-Serving/saved_model.pb")
    working = make(config, "artifacts/Trainer/.system/stateful_working_dir/123/x").parent
    scratch = make(config, "tmp/trainer-abc/rows")
    stage = make(config, "serving/taxi/.stage-abc/saved_model.pb")
    version = make(config, "serving/taxi/1700000000/saved_model.pb")
    with (config.serving_folder / ".push-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        recovery.prepare(config)
        assert stage.exists(), "another push is under way"
    recovery.prepare(config)
    complete, killed, failed = store.get_executions()
    assert [one.last_known_state for one in (complete, killed, failed)] == [STATES[0], _State.FAILED, _State.FAILED]
    assert killed.custom_properties["reason"].string_value == "killed"
    assert not failed.custom_properties["reason"].string_value
    assert [path.name for path in (config.run_folder / "artifacts/Trainer/model").iterdir()] == [str(complete.id)]
    assert not any(path.exists() for path in (half, working, scratch, stage))
    assert version.exists()
    assert config.scratch_folder.is_dir()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.unlink(), "is missing"),
        (lambda file: file.write_bytes(b""), "is empty"),
        (lambda file: file.write_bytes(b"x" * 20_000), "is damaged (file is not a database)"),
        (lambda file: file.write_bytes(file.read_bytes()[:9_000]), "is damaged ("),
        (lambda file: (file.unlink(), sqlite3.connect(file).execute("CREATE TABLE x (y)")), "holds no ML Metadata"),
    ],
)
def test_lost_metadata_are_refused_with_the_way_out_unless_there_is_nothing_to_lose(config, store, damage, said):
    damage(config.metadata_file)
    with pytest.raises(RunFolderBroken) as refused:
        recovery.prepare(config)
    assert f"{config.metadata_file} {said}" in str(refused.value)
    assert "`python -m pipeline doctor --repair`" in str(refused.value)
    assert len(str(refused.value)) <= 300
    shutil.rmtree(config.run_folder / "artifacts")
    recovery.prepare(config)
    assert database.trouble(config.metadata_file) == "is missing"


@pytest.mark.parametrize(
    ("name", "is_file", "said"),
    [
        ("1700000000", True, "is a file with a version's name"),
        (str(2**63 - 1), False, "is the highest version that there can be"),
    ],
)
def test_a_serving_folder_that_a_push_would_fail_in_is_refused(config, name, is_file, said):
    make(config, f"serving/taxi/{name}" if is_file else f"serving/taxi/{name}/saved_model.pb")
    # A clock that was behind when it pushed this is no obstacle: the next version is higher.
    make(config, "serving/taxi/99999999999/saved_model.pb")
    with pytest.raises(RunFolderBroken, match=f"{name} {said}"):
        recovery.prepare(config)


@pytest.mark.parametrize(
    "name",
    ["metadata.sqlite", "artifacts/StatisticsGen/statistics/3/FeatureStats.pb", "serving/taxi/17/saved_model.pb"],
)
def test_a_named_pipe_in_place_of_a_file_is_refused_and_the_doctor_removes_it(config, store, name):
    path = config.run_folder / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    with pytest.raises(RunFolderBroken, match=f"{name} is a named pipe, .*; remove it, or let .*doctor"):
        recovery.prepare(config)
    [problem] = recovery.special(config)
    problem.repair()
    assert not path.exists()
    assert not [*recovery.special(config)]


def test_sockets_of_a_killed_run_are_not_special(config, store):
    os.mkfifo(make(config, "tmp/pymp-1/x").with_name("listener"))
    recovery.prepare(config)
    assert not [*config.scratch_folder.iterdir()]
