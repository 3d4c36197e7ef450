"""The commands that change something, each on a copy of the pipeline: gc, and schema accept."""

import json
from dataclasses import replace

import pytest

from pipeline.running.folder.run_folder import exclusive

pytestmark = pytest.mark.slow


def files(days) -> set[str]:
    return {str(path.relative_to(days.runs)) for path in days.runs.rglob("*") if path.is_file()}


def versions(days) -> list[str]:
    return sorted((path.name for path in days.serving.iterdir() if path.name.isdigit()), reverse=True)


def removed(outcome) -> list[str]:
    assert outcome.code == 0, outcome.err
    return [one["what"] for one in json.loads(outcome.out)["garbage"]]


def test_everything_pushed_stays_and_what_an_unfinished_node_made_goes(copy):
    nodes = json.loads(copy.command("status", "--json").out)["last"]["nodes"]
    [refused] = [node["execution"] for node in nodes if node["state"] == "refused"]
    # ML Metadata knows nothing of the second one: it may be all that is left of something.
    half_made, unknown = (copy.run_folder / "artifacts" / "DataGate" / "notices" / str(id_) for id_ in (refused, 999))
    for folder in (half_made, unknown):
        folder.mkdir()
        (folder / "part").write_bytes(b"x" * 2_000)
    before = files(copy)
    outcome = copy.command("gc", "--keep", "1")
    assert "leftover  DataGate.notices  2 kB" in outcome.out
    assert "nothing was removed; --delete removes 1 folder, 2 kB" in outcome.out
    assert files(copy) == before
    assert "removed 1 folder, 2 kB" in copy.command("gc", "--keep", "1", "--delete").out
    assert before - files(copy) == {str((half_made / "part").relative_to(copy.runs))}


def test_a_moved_run_folder_loses_nothing(copy):
    moved = copy.folder / "elsewhere"
    copy.runs.rename(moved)
    before = sorted(path.relative_to(moved) for path in moved.rglob("*"))
    outcome = replace(copy, runs=moved).command("gc", "--keep", "1", "--delete")
    assert outcome.code == 0
    assert sorted(path.relative_to(moved) for path in moved.rglob("*")) == before


def test_an_old_version_goes_with_what_only_it_was_made_of(copy):
    newest, older = versions(copy)
    before = files(copy)
    words = ("gc", "--keep", "1", "--versions", "1")
    wanted = removed(copy.command(*words, "--json"))
    assert files(copy) == before
    assert wanted[0] == f"version {older}"
    assert "Trainer.model of run 1" in wanted
    # Run 2 took these from the cache, and its model derives from them.
    assert not {"ExampleGen.examples of run 1", "Transform.transform_graph of run 1"} & set(wanted)
    assert removed(copy.command(*words, "--delete", "--json")) == wanted
    assert versions(copy) == [newest]
    found = json.loads(copy.command("lineage", "--json").out)
    assert all(one["exists"] for one in found["artifacts"])
    # What is gone is still on record.
    gone = json.loads(copy.command("lineage", older, "--json").out)
    assert not all(one["exists"] for one in gone["artifacts"])
    assert removed(copy.command(*words, "--json")) == []


@pytest.mark.tensorflow
def test_neither_cache_nor_resolver_takes_what_is_gone(copy):
    from ml_metadata.proto import metadata_store_pb2
    from tfx.orchestration.metadata import Metadata, sqlite_metadata_connection_config
    from tfx.orchestration.portable import cache_utils

    def cached(node: str) -> object:
        with Metadata(sqlite_metadata_connection_config(str(copy.run_folder / "metadata.sqlite"))) as handle:
            [context] = [one for one in handle.store.get_contexts_by_type("node") if one.name == f"days.{node}"]
            first = min(handle.store.get_executions_by_context(context.id), key=lambda one: one.id)
            keys = handle.store.get_contexts_by_execution(first.id)
            return cache_utils.get_cached_outputs(handle, next(one for one in keys if one.type == "execution_cache"))

    assert cached("Trainer")
    assert copy.command("gc", "--keep", "1", "--versions", "1", "--delete").code == 0
    assert cached("Trainer") is None
    assert cached("Transform")
    with Metadata(sqlite_metadata_connection_config(str(copy.run_folder / "metadata.sqlite"))) as handle:
        pushes = sorted(handle.store.get_artifacts_by_type("PushedModel"), key=lambda one: one.id)
    # Resolvers look at artifacts that are LIVE alone.
    states = metadata_store_pb2.Artifact
    assert [one.state for one in pushes] == [states.DELETED, states.LIVE]


def test_a_version_with_a_label_stays_with_all_that_made_it(copy):
    _, older = versions(copy)
    file = copy.folder / "models.config"
    file.write_text(
        f'model_config_list {{ config {{ name: "days" base_path: "{copy.serving}" model_platform: "tensorflow" '
        f'version_labels {{ key: "previous" value: {older} }} }} }}'
    )
    outcome = copy.command("gc", "--keep", "1", "--versions", "1")
    assert "nothing to remove" in outcome.out
    assert "labels: models.config" in outcome.out


def test_gc_waits_for_no_run(copy):
    with exclusive(copy.run_folder):
        outcome = copy.command("gc", "--delete")
    assert outcome.code == 1
    assert outcome.err.startswith(f"another run uses {copy.run_folder}")


def test_the_schema_changes_by_command_only_and_by_entry(copy):
    path = copy.folder / "schema" / "days.pbtxt"
    before = path.read_text().replace("max: 30", "max: 9").replace('feature { name: "y" type: INT }  # the label\n', "")
    path.write_text(before)
    outcome = copy.command("schema", "diff")
    assert path.read_text() == before
    rows = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert rows[0] == "column what was now"
    # The data of the last run, which was refused.
    assert any(row.startswith("town new values 2 values Trier (3") for row in rows)
    assert any(row.startswith("x range -9 to 9 16.") for row in rows)
    assert "y new INT (complete, 0 to 1)" in rows
    refused = copy.command("schema", "accept", "towns")
    assert refused.code == 2
    assert refused.err.startswith("towns: nothing differs in such a column; did you mean 'town'? ")
    accepted = copy.command("schema", "accept", "town", "y")
    assert "changed schema/days.pbtxt: " in accepted.out
    after = path.read_text()
    domain = 'string_domain {\n  name: "towns"\n  value: "Bonn"\n  value: "Ulm"\n  value: "Trier"\n}  # where we are\n'
    assert after.startswith(before.partition("string_domain")[0] + domain)
    [left] = json.loads(copy.command("schema", "diff", "--json").out)["changes"]
    assert (left["column"], left["what"]) == ("x", "range")
    assert copy.command("schema", "accept").code == 0
    assert "nothing would change" in copy.command("schema", "diff").out


def test_a_schema_that_is_inferred_cannot_be_accepted(copy):
    outcome = copy.command("schema", "accept", "--set", "schema=null")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "the config names no curated schema" in outcome.err
