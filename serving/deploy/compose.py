"""docker compose on one host: the official image over the run's own serving folder."""

from __future__ import annotations

from typing import Any

from serving.deploy import model_server
from serving.deploy.options import DeployPlan
from serving.kubernetes_types import cpu_cores

CONFIG_FOLDER = "config"


def compose(plan: DeployPlan) -> dict[str, Any]:
    """The compose file's content; the server's config files are in `CONFIG_FOLDER` beside it."""
    return _without_interpolation({"name": plan.name, "services": {"server": _service(plan)}})


def health_command(model_name: str, *, port: int = model_server.REST_PORT) -> list[str]:
    """A command that succeeds if a version of the model is served. The image has bash and grep, but no HTTP client."""
    request = f"GET {model_server.status_path(model_name)} HTTP/1.0\\r\\n\\r\\n"
    script = f"exec 3<>/dev/tcp/127.0.0.1/{port} && printf '{request}' >&3 && grep -q '\"AVAILABLE\"' <&3"
    return ["bash", "-c", script]


def _service(plan: DeployPlan) -> dict[str, Any]:
    options = plan.options
    return {
        "image": options.image,
        "entrypoint": [model_server.PROGRAM],
        "command": model_server.flags(plan),
        "user": f"{options.user}:{options.user}",
        # As process 1 the server would ignore SIGTERM.
        "init": True,
        "read_only": True,
        "tmpfs": ["/tmp:size=64m"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "ports": [f"{options.host_address}:{port}:{port}" for port in (model_server.GRPC_PORT, model_server.REST_PORT)],
        "volumes": [
            _read_only(str(plan.serving_folder), model_server.MODELS_FOLDER),
            _read_only(f"./{CONFIG_FOLDER}", model_server.CONFIG_FOLDER),
        ],
        "healthcheck": {
            "test": ["CMD", *health_command(plan.model_name)],
            "interval": "5s",
            "timeout": "5s",
            "retries": 3,
            "start_period": f"{options.start_seconds}s",
        },
        "restart": "unless-stopped",
        "deploy": {"resources": {"limits": _amounts(plan)}},
    }


def _read_only(source: str, target: str) -> dict[str, Any]:
    """Mounts a folder, since a mounted file does not show its replacement."""
    bind = {"create_host_path": False}
    return {"type": "bind", "source": source, "target": target, "read_only": True, "bind": bind}


def _amounts(plan: DeployPlan) -> dict[str, str]:
    limits = plan.options.resources.limits
    return {"cpus": f"{cpu_cores(limits.cpu):g}", "memory": limits.memory.removesuffix("i").lower()}


def _without_interpolation(value: Any) -> Any:
    """Escape dollars: compose takes ``$NAME`` for a variable."""
    if isinstance(value, dict):
        return {key: _without_interpolation(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_interpolation(item) for item in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
