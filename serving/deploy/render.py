"""All deploy files as texts, and how they are written to a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from serving.deploy import compose, kserve, kubernetes, model_server
from serving.deploy.dashboard import dashboard
from serving.deploy.options import DeployPlan

_COMMENT = "# Made by `python -m pipeline deploy-files` from the config's serving.deploy section; sha256 of the rest: "
_FOLDERS = ("compose", "kubernetes", "kserve", "grafana")


def render(plan: DeployPlan) -> dict[str, str]:
    """The content of every file, by its path below the output folder.

    Raises:
        ValueError: the model's name cannot be a Kubernetes name.
    """
    files = {
        "compose/compose.yaml": _yaml([compose.compose(plan)]),
        f"compose/{compose.CONFIG_FOLDER}/{model_server.MODELS_FILE}": _commented(_local_models_config(plan)),
        "grafana/dashboard.json": json.dumps(dashboard(name=plan.name), indent=2, ensure_ascii=False) + "\n",
    }
    for name, text in model_server.settings(plan).items():
        files[f"compose/{compose.CONFIG_FOLDER}/{name}"] = _commented(text)
    for name, objects in kubernetes.manifests(plan).items():
        files[f"kubernetes/{name}"] = _yaml(objects)
    uri = kserve.storage_uri(plan)
    if uri:
        files["kserve/inference-service.yaml"] = _yaml([kserve.inference_service(plan, uri=uri)])
    return files


def write(files: Mapping[str, str], *, folder: Path) -> list[Path]:
    """Write ``files`` below ``folder``, and remove files of earlier calls that this one does not write.

    Otherwise ``kubectl apply`` of the folder would restore what is no longer in the config. A file that was edited
    since an earlier call is kept: `serving.versions` may have written it. The dashboard is always written.

    Returns:
        The files that were kept instead of written.
    """
    for path in (path for name in _FOLDERS for path in (folder / name).rglob("*") if path.is_file()):
        if str(path.relative_to(folder)) not in files and _is_as_made(path):
            path.unlink()
    kept = []
    for name, text in files.items():
        path = folder / name
        if path.exists() and text.startswith(_COMMENT) and not _is_as_made(path):
            kept.append(path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return kept


def _is_as_made(path: Path) -> bool:
    content = path.read_text(encoding="utf-8", errors="replace")
    return content == _commented(content.partition("\n")[2])


def _local_models_config(plan: DeployPlan) -> str:
    return model_server.models_config(plan, path=f"{model_server.MODELS_FOLDER}/{plan.model_name}")


def _commented(text: str) -> str:
    return f"{_COMMENT}{hashlib.sha256(text.encode()).hexdigest()[:16]}\n{text}"


def _yaml(documents: Sequence[dict[str, Any]]) -> str:
    return _commented(
        yaml.dump_all(
            documents, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True, explicit_start=len(documents) > 1
        )
    )


class _Dumper(yaml.SafeDumper):
    """Plain YAML: no anchors, and multi-line texts as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_scalar(self, tag: str, value: str, style: str | None = None) -> yaml.ScalarNode:
        return super().represent_scalar(tag, value, style="|" if "\n" in value else style)
