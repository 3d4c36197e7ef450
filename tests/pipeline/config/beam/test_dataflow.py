import pytest

from pipeline.checks.engine import check_engine
from pipeline.config.loading import ConfigError, load

DATAFLOW = "beam={runner: DataflowRunner, project: acme, region: europe-west4, temp_location: 'gs://acme/tmp'%s}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([DATAFLOW % ", workers: 11"], "beam: workers: 11 is above max_workers, 10."),
        (["beam={runner: DataflowRunner, temp_location: /tmp}"], "beam.project: is required and missing."),
        (
            ["beam.region=x"],
            "beam.region: is a key of DataflowRunner; this runner has limit_minutes, mode, runner, workers.",
        ),
    ],
)
def test_errors_name_the_key(taxi_config, words, message):
    with pytest.raises(ConfigError) as error:
        load(config=taxi_config, profile="local", overrides=words)
    assert message in str(error.value).splitlines()[0]


def test_dataflow_is_not_run_from_here(taxi_config):
    config = load(config=taxi_config, profile="local", overrides=[DATAFLOW % ""])
    with pytest.raises(ConfigError, match=r"beam.runner: DataflowRunner's workers cannot read .* gs:// root"):
        check_engine(config)
