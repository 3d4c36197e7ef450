"""Profiles and overrides over the file, and files that cannot be read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from components.example_gen.rows.options import ByTime
from pipeline.checks.checks import check
from pipeline.config.loading import ConfigError, load
from pipeline.config.yaml_files import parsed
from tests.pipeline.config.taxi import load_taxi


@pytest.mark.parametrize("name", ["taxi", "digits"])
def test_shipped_configs_are_valid_in_every_profile(taxi_config, name):
    for profile in ("local", "multi_processing", "ci"):
        config = load(config=taxi_config.with_stem(name), profile=profile)
        check(config)
    assert config.cache is False


def test_profile_is_laid_over_the_config_and_set_over_both(taxi_config):
    assert load_taxi(taxi_config).beam.workers == 1
    config = load_taxi(taxi_config, "beam.workers=3", "trainer.loop.epochs=7", "data.splits={train: 9, eval: 1}")
    assert (config.beam.workers, config.trainer.loop.epochs, config.data.splits.given["train"]) == (3, 7, 9)
    assert config.trainer.loop.global_batch_size == load_taxi(taxi_config).trainer.loop.global_batch_size


def test_splits_of_another_kind_take_the_place_of_those_in_the_file(taxi_config):
    config = load_taxi(taxi_config, "data.splits.eval=0.2", "data.splits.by=time", "data.splits.column=fare")
    assert config.data.splits == ByTime.model_validate({"by": "time", "column": "fare", "eval": 0.2})
    assert config.data.splits.names == ("train", "eval")
    assert load_taxi(taxi_config, "data.splits.eval=5").data.splits.given == {"train": 2, "eval": 5}


def test_null_takes_a_key_away(taxi_config):
    config = load_taxi(taxi_config, "features={company: null}", "label.above=null", "schema=null")
    assert {"company", "payment_type"} & set(config.features.names()) == {"payment_type"}
    assert config.label.above is None
    assert config.schema_path is None


def test_config_is_frozen(taxi_config):
    with pytest.raises(ValidationError, match="frozen"):
        load_taxi(taxi_config).cache = False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "mine.yaml:1: is not valid YAML"),
        ("a: 1\nb: number\nb: category\n", r"mine\.yaml:3: is not valid YAML \(the key 'b' stands twice\)"),
        ("- a", "must hold keys"),
    ],
)
def test_unreadable_yaml_names_file_and_line(tmp_path, text, message):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(config=tmp_path / "mine.yaml", profile=None)


def test_missing_files_are_named(taxi_config, tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read \(No such file"):
        load(config=tmp_path / "nowhere.yaml", profile=None)
    with pytest.raises(ConfigError, match="--profile laptop: no such profile .* there are ci, .*local"):
        load(config=taxi_config, profile="laptop")


def test_override_must_be_key_and_value(taxi_config):
    with pytest.raises(ConfigError, match="--set cache: must be key=value"):
        load_taxi(taxi_config, "cache")


def test_a_merged_key_may_be_overridden():
    assert parsed("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}")["b"] == {"x": 1, "y": 3}


def test_an_example_weight_reaches_trainer_and_preprocessing(taxi_config):
    config = load_taxi(taxi_config, "example_weight=trip_start_timestamp")
    check(config)
    assert config.parameters().example_weight == "trip_start_timestamp"
    assert config.preprocessing_parameters().example_weight == "trip_start_timestamp"
