from pipeline.config.loading import load


def test_the_profile_runs_on_flink(taxi_config):
    beam = load(config=taxi_config, profile="flink", overrides=["beam.parallelism=4"]).beam
    assert (beam.runner, beam.worker_pool, beam.probe) == ("FlinkRunner", "localhost:50000", True)
    assert {"--runner=PortableRunner", f"--job_endpoint={beam.job_endpoint}", "--parallelism=4"} <= {*beam.arguments()}
