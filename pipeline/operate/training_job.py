"""``python -m pipeline training-job``: a job file for ``python -m trainer``, on what the last run prepared."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.running import metadata
from trainer.job import TrainingJob

_PREPARED = ("SchemaGen", "Transform")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--output", type=Path, default=Path("job.json"), metavar="FILE.json")
    parser.add_argument("--folder", type=Path, required=True, help="shared by all hosts, for what the training makes")


def run(config: Config, options: argparse.Namespace) -> int:
    """Write the job file and print the command that runs it; returns 0.

    The trainer's options may differ from those of the run; label and features may not.

    Raises:
        ConfigError: no run reached Transform, or the file cannot be written.
    """
    output = options.output
    job = training_job(config, folder=options.folder.absolute())
    try:
        output.write_text(job.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"--output {output}: cannot be written ({error.strerror}).") from None
    print(f"wrote {output}: trains on {job.train[0]}")
    print(f"on each host: python -m trainer --job {output} --hosts HOST:PORT,... --index N")
    return 0


def training_job(config: Config, *, folder: Path) -> TrainingJob:
    """The inputs of the last run's Trainer, with outputs below ``folder``."""
    last = metadata.last_run(config.metadata_source)
    if last is None:
        raise ConfigError(f"there is no run in {config.run_folder}; `python -m pipeline run --to Transform` makes one.")
    store, run = last
    missing = metadata.first_not_done(store, run, _PREPARED)
    if missing:
        raise ConfigError(f"the last run did not finish {missing}; run it again.")
    made = metadata.output_artifacts(store, run_id=run.name)
    examples = made["Transform", "transformed_examples"].uri
    return TrainingJob(
        train=(f"{examples}/Split-train",),
        eval=(f"{examples}/Split-eval",),
        transform_graph=made["Transform", "transform_graph"].uri,
        schema_file=f"{made['SchemaGen', 'schema'].uri}/schema.pbtxt",
        model=str(folder / "model"),
        model_run=str(folder / "model_run"),
        checkpoints=str(folder / "checkpoints"),
        parameters=config.parameters(),
        run_fn=config.trainer.run_fn,
    )
