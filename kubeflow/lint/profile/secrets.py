"""Are secrets where they belong, and only there?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import containers, strings
from kubeflow.platform import platform_of
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow

# Kubernetes, apimachinery/pkg/util/validation, IsRelaxedEnvVarName: what some version of it takes.
_VARIABLE = re.compile(r"[ -<>-~]+")
# The formats that their issuers document; nothing that merely looks random.
_KEYS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a Google API key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "a Google access token": re.compile(r"\bya29\.[0-9A-Za-z_-]{20,}"),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[0-9A-Za-z]{36}\b"),
    "a Slack token": re.compile(r"\bxox[abprs]-[0-9A-Za-z-]{10,}"),
    "a Slack webhook": re.compile(r"hooks\.slack\.com/services/T\w+/B\w+/\w+"),
    "a password": re.compile(
        # By its name alone; the name of a variable or a resource only refers to the secret.
        r"(?i:^([\w-]*[_-])?(password|passwd|secret_key|api_key|access_token))=(?![A-Z][A-Z0-9_]*$)[^\s{$<'\"/]{6,}$"
    ),
    "a user with a password": re.compile(r"://[^/\s:@{$<]+:[^/\s:@{$<]+@"),
}


def webhook(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """On Kubernetes, all variables of the exit handler's container come from secrets."""
    del pipeline
    platform = config.platform
    if not isinstance(platform, Kubeflow) or platform.exit_handler is None:
        return
    name = platform.exit_handler.webhook_env
    if not name:
        return
    if not any(name in secret.env.values() for secret in platform.secrets):
        what, fix = f"no secret provides {name}", "add a secret with this variable to platform.secrets"
        yield Violation(where="platform.exit_handler.webhook_env", what=what, fix=fix)


def variable_names(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Kubernetes refuses the pod."""
    named = {f"{node}.env": item.get("name", "") for node, box in containers(pipeline) for item in box.get("env", ())}
    platform = platform_of(config)
    if platform.exit_handler and platform.exit_handler.webhook_env:
        named["platform.exit_handler.webhook_env"] = platform.exit_handler.webhook_env
    for index, secret in enumerate(platform.secrets if isinstance(platform, Kubeflow) else ()):
        named |= {f"platform.secrets.{index}.env.{key}": variable for key, variable in secret.env.items()}
    for where, name in named.items():
        if not _VARIABLE.fullmatch(name):
            what, fix = f"{name!r} is not a valid name of an environment variable", "use letters, digits and '_'"
            yield Violation(where=where, what=what, fix=fix)


def exposed(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Parameters are written to the compiled file, the page of every run and ML Metadata."""
    place = "put it into a secret" if isinstance(config.platform, Kubeflow) else "read it from a secret manager"
    for where, text in _texts(pipeline):
        kind = next((kind for kind, pattern in _KEYS.items() if pattern.search(text)), None)
        if kind:
            yield Violation(
                where=where, what=f"holds {kind}, which everyone can read there", fix=f"{place}, and revoke this one"
            )


RULES = (webhook, variable_names, exposed)


def _texts(pipeline: CompiledPipeline) -> Iterator[tuple[str, str]]:
    for node, path, text in strings(pipeline.spec):
        yield f"{node.name}.inputs.parameters.{path}", f"{path.rpartition('.')[2]}={text}"
    for name, container in containers(pipeline):
        for argument in (*container.get("command", ()), *container.get("args", ())):
            yield f"{name}.args", argument
        for variable in container.get("env", ()):
            yield f"{name}.env.{variable.get('name', '')}", f"{variable.get('name', '')}={variable.get('value', '')}"
