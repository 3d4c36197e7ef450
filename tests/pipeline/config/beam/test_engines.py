"""The keys of each runner, how profiles with different runners are laid over each other, and what is refused."""

from pathlib import Path

import pytest
import yaml

from pipeline.config.beam.refused import REFUSED
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError, load


def loaded(taxi_config: Path, profile: str, *overrides: str) -> Config:
    return load(config=taxi_config, profile=profile, overrides=overrides)


def test_each_engine_has_a_profile(taxi_config):
    profiles = ("local", "multi_processing", "portable")
    options = {profile: loaded(taxi_config, profile).beam for profile in profiles}
    assert {profile: beam.runner for profile, beam in options.items()} == {
        "local": "FnApiRunner",
        "multi_processing": "FnApiRunner",
        "portable": "PortableRunner",
    }
    assert (options["multi_processing"].mode, options["multi_processing"].workers) == ("multi_processing", 0)
    assert options["portable"].probe
    assert options["portable"].worker_pool == "localhost:50000"


def test_another_runner_replaces_the_section_and_the_same_is_merged(taxi_config, tmp_path):
    tree = yaml.safe_load(taxi_config.read_text())
    tree["beam"] = {"workers": 4, "limit_minutes": 9}
    (tmp_path / "profiles").mkdir()
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump(tree))
    for runner in ("FnApiRunner", "PortableRunner"):
        profile = {"beam": {"runner": runner} | ({"job_endpoint": "jobs:8099"} if runner == "PortableRunner" else {})}
        (tmp_path / "profiles" / f"{runner}.yaml").write_text(yaml.safe_dump(profile))
    same = load(config=config, profile="FnApiRunner").beam
    assert (same.workers, same.limit_minutes) == (4, 9)
    other = load(config=config, profile="PortableRunner").beam
    assert (other.runner, other.job_endpoint, other.limit_minutes) == ("PortableRunner", "jobs:8099", 240)


def test_the_order_of_the_words_does_not_matter(taxi_config):
    words = ("beam.runner=PortableRunner", "beam.job_endpoint=jobs:8099")
    assert loaded(taxi_config, "local", *words) == loaded(taxi_config, "local", *reversed(words))
    assert loaded(taxi_config, "local", *words).beam.job_endpoint == "jobs:8099"


@pytest.mark.parametrize(
    ("profile", "overrides", "said"),
    [
        ("local", ["beam.runner=PortableRunner"], "beam.job_endpoint: is required and missing."),
        (
            "portable",
            ["beam.mode=in_memory"],
            "beam.mode: is a key of FnApiRunner; this runner has job_endpoint, limit_minutes, parallelism, probe, "
            "probe_seconds, runner, worker_pool.",
        ),
        ("local", ["beam.mod=in_memory"], "beam.mod: unknown key; did you mean mode?."),
        ("local", ["beam.wrkrs=1"], "beam.wrkrs: unknown key; did you mean workers?."),
        ("portable", ["beam.wrkrs=1"], "beam.wrkrs: unknown key; did you mean worker_pool?."),
        (
            "portable",
            ["beam.job_endpoint=embed"],
            "beam.job_endpoint: must be HOST:PORT, such as localhost:8099, not 'embed'.",
        ),
        ("portable", ["beam.job_endpoint='http://flink:8099'"], "beam.job_endpoint: must be HOST:PORT"),
        ("portable", ["beam.worker_pool=localhost:70000"], "beam.worker_pool: must be HOST:PORT"),
        (
            "local",
            ["beam=PortableRunner"],
            "beam: must hold keys, such as {runner: FnApiRunner}, not 'PortableRunner'.",
        ),
        ("local", ["beam.runner=portablerunner"], "beam.runner: 'portablerunner' is spelled PortableRunner here."),
        (
            "local",
            ["beam.runner=SamzaRunner"],
            "beam.runner: 'SamzaRunner' is not supported; choose one of FnApiRunner",
        ),
    ],
)
def test_errors_name_the_key_and_show_the_keys_of_the_chosen_runner_alone(taxi_config, profile, overrides, said):
    with pytest.raises(ConfigError) as error:
        loaded(taxi_config, profile, *overrides)
    first = str(error.value).splitlines()[0]
    assert first.startswith(f"{taxi_config} with profile {profile} and --set: {said}")


@pytest.mark.parametrize("runner", sorted(REFUSED))
@pytest.mark.parametrize(
    "written", [str, str.upper, "some.package.{}".format, lambda name: name.removesuffix("runner")]
)
def test_refused_runners_are_named_with_the_reason_however_they_are_written(runner, written):
    with pytest.raises(ConfigError) as error:
        # A message has 300 characters, of which the path of a deep folder would leave too few.
        loaded(Path("configs/taxi.yaml"), "portable", f"beam.runner={written(runner)}")
    assert f"beam.runner: {written(runner)} is refused: {REFUSED[runner]}; choose one of FnApiRunner, " in str(
        error.value
    )
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("runner", "said"),
    [
        ("apache_beam.runners.dask.dask_runner.DaskRunner", "loses data"),
        ("ray_beam_runner.portability.ray_fn_runner.RayFnApiRunner", "loses data"),
        ("beam-pyspark-runner", "loses data"),
        ("beam_pyspark_runner.pyspark_runner.PySparkRunner", "loses data"),
        ("PrismRunner", "downloads its program"),
        ("direct", "FnApiRunner is what it would use here"),
        ("apache_beam.runners.direct.direct_runner.BundleBasedDirectRunner", "keeps all data in memory"),
    ],
)
def test_names_by_which_people_know_them(taxi_config, runner, said):
    with pytest.raises(ConfigError, match=f"beam.runner: {runner} is refused: .*{said}"):
        loaded(taxi_config, "local", f"beam.runner={runner}")


def test_an_ipv6_address_is_an_endpoint(taxi_config):
    assert loaded(taxi_config, "portable", "beam.job_endpoint='[::1]:8099'").beam.job_endpoint == "[::1]:8099"
