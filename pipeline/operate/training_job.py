"""``python -m pipeline training-job``: a job file for ``python -m trainer``, on what the last run prepared."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.running import metadata
from trainer.job import Job

_PREPARED = ("SchemaGen", "Transform")


def make(config: Config, *, output: Path, folder: Path) -> int:
    """Write the file and say what to do with it; 0.

    Args:
        config: the trainer's part of it may differ from the run's; label and features may not.
        output: the job file.
        folder: which all hosts share, for the model, the history and the checkpoints.

    Raises:
        ConfigError: no run got as far as Transform, or the file cannot be written.
    """
    job = training_job(config, folder=folder)
    try:
        output.write_text(job.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"--output {output}: cannot be written ({error.strerror}).") from None
    print(f"wrote {output}: trains on {job.train[0]}")
    print(f"on each host: python -m trainer --job {output} --hosts HOST:PORT,... --index N")
    return 0


def training_job(config: Config, *, folder: Path) -> Job:
    """What the Trainer of the last run would be told, with outputs below ``folder``."""
    store = metadata.open_store(config.metadata_file) if config.metadata_file.exists() else None
    runs = metadata.runs(store) if store else []
    if not runs:
        raise ConfigError(f"there is no run in {config.run_folder}; `python -m pipeline run --to Transform` makes one.")
    missing = metadata.first_not_done(store, runs[0], _PREPARED)
    if missing:
        raise ConfigError(f"the last run did not finish {missing}; run it again.")
    made = metadata.output_artifacts(store, run_id=runs[0].name)
    examples = made["Transform", "transformed_examples"].uri
    return Job(
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
