"""Faults in the values of a pipeline and its profile: paths that are not there for a task, and secrets."""

from __future__ import annotations

from kubeflow.ir.pipeline_spec import CompiledPipeline
from tests.kubeflow.lint.faults.fault import Fault, box, default, in_box, parameter
from tests.kubeflow.lint.pipelines import constant


def distributed(pipeline: CompiledPipeline) -> None:
    box(pipeline, "ExampleGen")["args"] = ["--runner=DataflowRunner"]


def webhook_secret(variable: str) -> tuple[str, ...]:
    return (f"platform.secrets=[{{name: hook, env: {{url: {variable}}}}}]",)


ENV = [{"name": "HF=TOKEN", "value": "x"}]
GS_ROOT = "platform.root=gs://acme/root"
CHECKPOINTS = "custom_config.checkpoints"

PATHS = (
    Fault(
        "paths.local",
        "ExampleGen.inputs.parameters.input_base",
        "/home/me/data is a path of this machine",
        plant=default("/home/me/data"),
    ),
    Fault(
        "paths.local",
        f"Trainer.inputs.parameters.{CHECKPOINTS}",
        "/models2/checkpoints is a path",
        plant=parameter("Trainer", "custom_config", constant('{"checkpoints": "/models2/checkpoints"}')),
    ),
    Fault(
        "paths.local",
        "ExampleGen.inputs.parameters.input_base",
        "../data is a path of this machine",
        plant=default("../data"),
    ),
    Fault(
        "paths.arguments",
        "Transform.args",
        "--setup_file=/home/me/setup.py names a path",
        plant=in_box("Transform", args=["--runner=FnApiRunner", "--setup_file=/home/me/setup.py"]),
    ),
    Fault(
        "paths.environment",
        "Transform.env.GOOGLE_APPLICATION_CREDENTIALS",
        "/home/me/key.json is a path",
        plant=in_box("Transform", env=[{"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/home/me/key.json"}]),
    ),
    Fault(
        "paths.outside_image",
        "ExampleGen.inputs.parameters.input_base",
        "tests/data is not in the image",
        plant=default("tests/data"),
    ),
    Fault(
        "paths.not_in_project",
        "ExampleGen.inputs.parameters.input_base",
        "data/taxis is not in the project's folder",
        plant=default("data/taxis"),
    ),
    Fault(
        "paths.far_from_workers",
        "ExampleGen.inputs.parameters.input_base",
        "DataflowRunner reads it on other machines",
        plant=distributed,
        overrides=(GS_ROOT,),
    ),
)
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
FAULTS = (*PATHS, *SECRETS)
