import pytest

from pipeline.config.loading import ConfigError, load


def test_the_profile_runs_on_spark(taxi_config):
    beam = load(config=taxi_config, profile="spark").beam
    assert beam.runner == "SparkRunner"
    assert {"--runner=PortableRunner", f"--job_endpoint={beam.job_endpoint}"} <= {*beam.arguments()}


def test_spark_decides_on_the_parallelism_itself(taxi_config):
    with pytest.raises(ConfigError, match="beam: parallelism: has no effect on Spark"):
        load(config=taxi_config, profile="spark", overrides=["beam.parallelism=4"])
