"""What the champion's run found out about the data and the model is kept beside it."""

import json
import logging

import pytest

from components.push.champion_store import POINTER, keep, restore_record
from tests.components.push.champions import contents, copies


@pytest.fixture
def record(tmp_path):
    """Writes a record that says something, and returns its folder."""

    def written(words: str):
        folder = tmp_path / f"record of {words}"
        (folder / "Split-train").mkdir(parents=True)
        (folder / "Split-train" / "FeatureStats.pb").write_text(words)
        return folder

    return written


def restored(champion, tmp_path, *, version: int | None = None) -> tuple[int | None, list[bytes]]:
    """The version and what was copied, into a folder where another attempt has left something."""
    destination = tmp_path / "output"
    (destination / "half").mkdir(parents=True, exist_ok=True)
    (destination / "half" / "file").write_bytes(b"")
    found = restore_record("statistics", folder=champion.place, destination=destination, version=version)
    return found, [*contents(destination).values()]


def test_each_of_the_two_kept_models_has_its_own(champion, models, record, tmp_path):
    assert restored(champion, tmp_path) == (None, [])
    for version, model in models.items():
        keep(model=model, version=version, folder=champion.place, records={"statistics": record(f"run {version}")})
    assert copies(champion) == {"6", "6.statistics", "7", "7.statistics"}
    assert restored(champion, tmp_path) == (7, [b"run 7"])
    assert restored(champion, tmp_path, version=6) == (6, [b"run 6"])
    assert restored(champion, tmp_path, version=5) == (None, [])


@pytest.mark.parametrize("damage", ["spoil", "remove"])
def test_a_damaged_one_is_gone_with_a_warning_until_the_model_is_pushed_again(
    champion, models, record, tmp_path, caplog, damage
):
    records = {"statistics": record("a run")}
    keep(model=models[5], version=5, folder=champion.place, records=records)
    getattr(champion, damage)("5.statistics/Split-train/FeatureStats.pb")
    with caplog.at_level(logging.WARNING):
        assert restored(champion, tmp_path) == (5, [])
    assert "5.statistics differs from what was pushed" in caplog.text
    keep(model=models[5], version=5, folder=champion.place, records=records)
    assert restored(champion, tmp_path) == (5, [b"a run"])


def test_a_champion_of_an_older_release_has_none_until_it_is_pushed_again(champion, models, record, tmp_path):
    keep(model=models[5], version=5, folder=champion.place)
    pointer = json.loads(champion.files()[POINTER])
    del pointer["records"]
    champion.spoil(POINTER, json.dumps(pointer).encode())
    assert restored(champion, tmp_path) == (5, [])
    keep(model=models[5], version=5, folder=champion.place, records={"statistics": record("a run")})
    assert restored(champion, tmp_path) == (5, [b"a run"])


def test_the_same_model_again_keeps_what_its_first_run_found(champion, models, record, tmp_path):
    for words in ("first", "again"):
        keep(model=models[5], version=5, folder=champion.place, records={"statistics": record(words)})
    assert restored(champion, tmp_path) == (5, [b"first"])


def test_an_empty_record_is_kept_as_nothing(champion, models, tmp_path):
    (tmp_path / "nothing").mkdir()
    keep(model=models[5], version=5, folder=champion.place, records={"statistics": tmp_path / "nothing"})
    assert restored(champion, tmp_path) == (5, [])
