"""kubeflow/terraform as python-hcl2 reads it, and its profile with the values of a made-up project."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import hcl2

from tests.conftest import ROOT

FOLDER = ROOT / "kubeflow" / "terraform"

_REFERENCE = re.compile(r"(?<![\w.\"])(?:(var|local|output)\.(\w+)|(?:ephemeral\.)?((?:google|random)_\w+\.\w+))")
_INTERPOLATION = re.compile(r"\$\{([^{}]+)\}")
_SAMPLES = {
    "var.project": "acme-ml",
    "var.region": "us-central1",
    "local.no_digest": f"sha256:{'1' * 64}",
    "google_storage_bucket.pipeline.url": "gs://pipelines-of-acme",
    'google_service_account.this["runner"].email': "pipeline-runner@acme-ml.iam.gserviceaccount.com",
    "google_artifact_registry_repository.images.location": "us-central1",
    "google_artifact_registry_repository.images.repository_id": "pipelines",
}


@dataclass(frozen=True, kw_only=True)
class Module:
    """All files of the folder as one.

    Attributes:
        text: of all files, without comments.
        blocks: by their kind: variable, resource and so on.
        references: every var.X, local.X, TYPE.NAME and output.X that an expression holds.
    """

    text: str
    blocks: Mapping[str, list[dict[str, Any]]]
    references: frozenset[str]

    def _named(self, kind: str) -> dict[str, Any]:
        return {name.strip('"'): body for block in self.blocks.get(kind, []) for name, body in block.items()}

    @property
    def variable_blocks(self) -> dict[str, Any]:
        return self._named("variable")

    @property
    def outputs(self) -> dict[str, Any]:
        return self._named("output")

    @property
    def local_values(self) -> dict[str, Any]:
        return {name: value for name, value in self._named("locals").items() if not name.startswith("__")}

    @property
    def variables(self) -> set[str]:
        return {f"var.{name}" for name in self.variable_blocks}

    @property
    def locals(self) -> set[str]:
        return {f"local.{name}" for name in self.local_values}

    @property
    def kinds(self) -> set[str]:
        return {kind.strip('"') for block in self.blocks.get("resource", []) for kind in block}

    @property
    def declared(self) -> set[str]:
        of_types = {
            f"{kind}.{name}".replace('"', "")
            for block in [*self.blocks.get("resource", []), *self.blocks.get("ephemeral", [])]
            for kind, named in block.items()
            for name in named
        }
        return self.variables | self.locals | of_types

    def resource(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = (
            block[f'"{kind}"'] for block in self.blocks["resource"] if f'"{name}"' in block.get(f'"{kind}"', {})
        )
        return found[f'"{name}"']


def read(files: Mapping[str, str]) -> Module:
    """Parse files by their names."""
    blocks: dict[str, list[dict[str, Any]]] = {}
    for text in files.values():
        for kind, found in hcl2.loads(text).items():
            if not kind.startswith("__"):
                blocks.setdefault(kind, []).extend(found)
    text = "\n".join(re.sub(r"(?m)^\s*#.*$", "", text) for text in files.values())
    # A variable's own validation is no use of it.
    used = re.sub(r'(?ms)^variable "\w+" \{.*?^\}', "", text)
    found = _REFERENCE.finditer(used)
    return Module(text=text, blocks=blocks, references=frozenset(f"{m[1]}.{m[2]}" if m[1] else m[3] for m in found))


def rendered_platform(module: Module) -> dict[str, Any]:
    """``local.platform``, which the output ``profile`` prints, with sample values."""
    return _rendered(module.local_values["platform"], module)


def _rendered(value: Any, module: Module) -> Any:
    if isinstance(value, dict):
        return {name: _rendered(child, module) for name, child in value.items() if not name.startswith("__")}

    def sample(match: re.Match[str]) -> str:
        name = match[1]
        return (
            _SAMPLES[name] if name in _SAMPLES else _rendered(module.local_values[name.removeprefix("local.")], module)
        )

    return _INTERPOLATION.sub(sample, value.strip('"'))
