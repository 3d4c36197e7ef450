"""Beam's command-line arguments for each place where the Beam components may run."""

from __future__ import annotations

from pipeline.config.beam import Dataflow, InProcess, Portable

# Without it TFX builds a source distribution of itself for every component, for workers that have the code already.
# No other effect where no container is started: a worker pool knows nothing of images.
_NO_SDIST = "--sdk_container_image=none"
# Some job servers begin to tell a job's states before it runs, and then Beam's client gives their stream this deadline.
_AFTER_THE_LIMIT_SECONDS = 60
# Else Flink ends the workers after each stage of a job, and each new one imports TensorFlow. Its restarts must wait for
# longer than this, or they meet the dead worker again.
_WORKERS_KEPT_MILLIS = 5000


def beam_args(beam: InProcess | Portable | Dataflow) -> list[str]:
    """The arguments, with everything pinned that would otherwise reach for the network."""
    if isinstance(beam, InProcess):
        return [
            f"--runner={beam.runner}",
            f"--direct_running_mode={beam.mode}",
            f"--direct_num_workers={beam.workers}",
            _NO_SDIST,
        ]
    if isinstance(beam, Portable):
        return _portable(beam)
    return _dataflow(beam)


def _portable(beam: Portable) -> list[str]:
    arguments = [
        # The job server is there already: Beam's FlinkRunner and SparkRunner would only start one of their own.
        "--runner=PortableRunner",
        f"--job_endpoint={beam.job_endpoint}",
        "--environment_type=EXTERNAL",
        f"--environment_config={beam.worker_pool}",
        f"--job_server_timeout={round(beam.limit_minutes * 60) + _AFTER_THE_LIMIT_SECONDS}",
        f"--environment_cache_millis={_WORKERS_KEPT_MILLIS}",
        _NO_SDIST,
    ]
    if beam.parallelism:
        arguments.append(f"--parallelism={beam.parallelism}")
    return arguments


def _dataflow(beam: Dataflow) -> list[str]:
    arguments = [
        "--runner=DataflowRunner",
        f"--project={beam.project}",
        f"--region={beam.region}",
        f"--temp_location={beam.temp_location}",
        f"--staging_location={beam.temp_location.rstrip('/')}/staging",
        f"--worker_machine_type={beam.machine_type}",
        f"--disk_size_gb={beam.disk_gb}",
        f"--num_workers={beam.workers}",
        *_autoscaling(beam),
        "--experiments=use_runner_v2",
    ]
    if beam.worker_image:
        arguments += [f"--sdk_container_image={beam.worker_image}", "--sdk_location=container"]
    else:
        arguments.append("--setup_file=./setup.py")
    if beam.service_account:
        arguments.append(f"--service_account_email={beam.service_account}")
    if beam.subnetwork:
        arguments.append(f"--subnetwork={beam.subnetwork}")
    if not beam.public_ips:
        arguments.append("--no_use_public_ips")
    return arguments


def _autoscaling(beam: Dataflow) -> list[str]:
    if beam.autoscaling == "none":
        return ["--autoscaling_algorithm=NONE"]
    return ["--autoscaling_algorithm=THROUGHPUT_BASED", f"--max_num_workers={beam.max_workers}"]
