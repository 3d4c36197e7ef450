"""Secrets, Beam, and whether a file belongs to the config."""

from tests.kubeflow.lint.pipelines import constant
from tests.kubeflow.lint.planting import ENV, GS_ROOT, Fault, in_box, in_spec, parameter, webhook_secret

SECRETS = (
    Fault(
        "secrets.webhook",
        "platform.exit_handler.webhook_env",
        "no secret provides WEBHOOK",
        overrides=("platform.exit_handler.webhook_env=WEBHOOK", *webhook_secret("OTHER")),
    ),
    Fault(
        "secrets.variable_names",
        "platform.secrets.0.env.url",
        "'WEB=HOOK' is not a valid name",
        overrides=webhook_secret("WEB=HOOK"),
    ),
    Fault(
        "secrets.variable_names", "Transform.env", "'HF=TOKEN' is not a valid name", plant=in_box("Transform", env=ENV)
    ),
    *(
        Fault("secrets.exposed", "Trainer.inputs.parameters.run_fn", what, plant=plant)
        for what, plant in (
            ("a private key", parameter("Trainer", "run_fn", constant("-----BEGIN RSA PRIVATE KEY-----\nMII"))),
            ("a Google API key", parameter("Trainer", "run_fn", constant("AIza" + "Sy0123456789" * 2 + "abcdefghijk"))),
            ("an AWS access key", parameter("Trainer", "run_fn", constant("AKIAIOSFODNN7ABCDEFG"))),
            ("a GitHub token", parameter("Trainer", "run_fn", constant("ghp_" + "a1B2" * 9))),
            ("a Google access token", parameter("Trainer", "run_fn", constant("ya29.a0AfH6SMBx0123456789xyz"))),
            ("a Slack token", parameter("Trainer", "run_fn", constant("xoxb-123456789012-abcdef"))),
            ("a Slack webhook", parameter("Trainer", "run_fn", constant("https://hooks.slack.com/services/T0/B0/xyz"))),
            ("a user with a password", parameter("Trainer", "run_fn", constant("postgresql://tfx:hunter22@db/mlmd"))),
        )
    ),
    Fault(
        "secrets.exposed",
        "Trainer.inputs.parameters.custom_config.db_password",
        "a password",
        plant=parameter("Trainer", "custom_config", constant('{"db_password": "correct-horse"}')),
    ),
    Fault(
        "secrets.exposed",
        "Transform.env.API_KEY",
        "a password",
        plant=in_box("Transform", env=[{"name": "API_KEY", "value": "0123456789"}]),
    ),
)

ORIGIN = (
    Fault(
        "origin.pipeline_name", "pipelineInfo.name", "is 'taxi', but the config's is 'trips'", overrides=("name=trips",)
    ),
    Fault(
        "origin.pipeline_root",
        "defaultPipelineRoot",
        "is gs://other/taxi, but the profile's is minio://mlpipeline/v2/artifacts/taxi",
        plant=in_spec(defaultPipelineRoot="gs://other/taxi"),
    ),
)

BEAM = (
    Fault(
        "beam.near_job_server",
        "beam.job_endpoint",
        "localhost:8099 is in the task's own container",
        plant=in_box("Transform", args=["--runner=PortableRunner", "--job_endpoint=localhost:8099"]),
        overrides=(GS_ROOT,),
    ),
    Fault(
        "beam.near_job_server",
        "beam.job_endpoint",
        "[::1]:8099 is in the task's own container",
        plant=in_box("Transform", args=["--runner", "PortableRunner", "--job_endpoint", "[::1]:8099"]),
        overrides=(GS_ROOT,),
    ),
    *(
        Fault(
            "beam.unreadable_root",
            "platform.root",
            "is a store that Beam's workers on other machines cannot open",
            plant=in_box("Transform", args=[f"--runner={runner}", "--job_endpoint=flink.beam:8099"]),
            overrides=(f"platform.root={root}",),
        )
        for runner, root in (("PortableRunner", "minio://acme/root"), ("DataflowRunner", "s3://acme/root"))
    ),
    Fault(
        "beam.losing_runner",
        "Transform.args",
        "DaskRunner: it loses data silently (whole splits were missing)",
        plant=in_box("Transform", args=["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"]),
    ),
)

FAULTS = (*SECRETS, *ORIGIN, *BEAM)
