"""What all deployments of TF Serving share: the program, its flags, config files and ports."""

from __future__ import annotations

import math

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving import config_protos
from serving.deploy.options import Batching, DeployPlan
from serving.kubernetes_types import cpu_cores

# The image's own entry point is a shell script that sets flags for one model.
PROGRAM = "/usr/bin/tensorflow_model_server"
GRPC_PORT, REST_PORT = 8500, 8501
METRICS_PATH = "/monitoring/prometheus/metrics"
MODELS_FOLDER, CONFIG_FOLDER = "/models", "/etc/tensorflow-serving"
MODELS_FILE, BATCHING_FILE, MONITORING_FILE = "models.config", "batching.config", "monitoring.config"

# A server that is shutting down still has its clients' connections. If each lives only 20 s, clients look up the
# addresses again, at most every 30 s with gRPC, and have left before `Deploy.drain_seconds` are over.
_CONNECTION_SECONDS, _LAST_CALLS_SECONDS = 20, 30


def status_path(model_name: str) -> str:
    """A path that answers 200 once the models are loaded: TF Serving opens its ports only then."""
    return f"/v1/models/{model_name}"


def base_path(plan: DeployPlan) -> str:
    """The model's base path in the pods."""
    return f"{plan.options.models.uri or MODELS_FOLDER}/{plan.model_name}"


def flags(plan: DeployPlan) -> list[str]:
    """The command line after the program's name.

    The models config is not polled: during a `serving.versions` command the file is still the old one, and a server
    that reads it would unload what the command has just loaded. TensorFlow counts the machine's cores, not those
    within the limit, so the threads are set.
    """
    threads = math.ceil(cpu_cores(plan.options.resources.limits.cpu))
    arguments = {
        "port": GRPC_PORT,
        "rest_api_port": REST_PORT,
        "model_config_file": f"{CONFIG_FOLDER}/{MODELS_FILE}",
        "allow_version_labels_for_unavailable_models": "true",
        "monitoring_config_file": f"{CONFIG_FOLDER}/{MONITORING_FILE}",
        "tensorflow_intra_op_parallelism": threads,
        "tensorflow_inter_op_parallelism": threads,
        "grpc_channel_arguments": f"grpc.max_connection_age_ms={_CONNECTION_SECONDS * 1000},"
        f"grpc.max_connection_age_grace_ms={_LAST_CALLS_SECONDS * 1000}",
    }
    if plan.options.batching:
        arguments |= {"enable_batching": "true", "batching_parameters_file": f"{CONFIG_FOLDER}/{BATCHING_FILE}"}
    return [f"--{name}={value}" for name, value in arguments.items()]


def models_config(plan: DeployPlan, *, path: str) -> str:
    """A ModelServerConfig of the model. Never with a logging_config: the stock server has no logger and exits.

    Args:
        plan: plan with the model and its versions.
        path: the model's base path.
    """
    config = model_server_config_pb2.ModelServerConfig()
    model = config.model_config_list.config.add(name=plan.model_name, base_path=path, model_platform="tensorflow")
    versions = plan.options.versions
    if versions.specific:
        model.model_version_policy.specific.versions.extend(versions.specific)
    else:
        model.model_version_policy.latest.num_versions = versions.latest or 1
    model.version_labels.update(versions.labels)
    return text_format.MessageToString(config)


def settings(plan: DeployPlan) -> dict[str, str]:
    """The config files that are read only at the start, by name."""
    monitoring = config_protos.monitoring_config()()
    monitoring.prometheus_config.enable = True
    monitoring.prometheus_config.path = METRICS_PATH
    files = {MONITORING_FILE: text_format.MessageToString(monitoring)}
    if plan.options.batching:
        files[BATCHING_FILE] = _batching_config(plan.options.batching, pool=plan.model_name)
    return files


def _batching_config(batching: Batching, *, pool: str) -> str:
    """BatchingParameters, with single numbers wrapped in messages. The pool's name is a label of the metrics."""
    parameters = config_protos.batching_parameters()()
    parameters.thread_pool_name.value = pool
    for name in ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"):
        getattr(parameters, name).value = getattr(batching, name)
    parameters.allowed_batch_sizes.extend(batching.allowed_batch_sizes)
    parameters.pad_variable_length_inputs = batching.pad_variable_length_inputs
    return text_format.MessageToString(parameters)
