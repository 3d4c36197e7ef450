"""Where the nodes read and write: below the run folder here, in buckets and volumes on a platform."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.config import Config


@dataclass(frozen=True, kw_only=True)
class Places:
    """The paths and URIs of one pipeline.

    Attributes:
        artifacts: the pipeline root.
        data: the folder of the examples; that of the artifacts if they come from no files.
        schema: the curated schema's file; None where SchemaGen infers one.
        serving: the folder of the served model; its children are the versions.
        checkpoints: folder of the trainer's checkpoints.
        champion: folder of the model that was pushed last, on a platform; None here, where ML Metadata records it.
    """

    artifacts: str
    data: str
    schema: str | None
    serving: str
    checkpoints: str
    champion: str | None = None


def places(config: Config) -> Places:
    """The places of the pipeline that ``config`` describes.

    On a platform, relative paths are those of files that were copied into the image, whose working directory is the
    project's folder.
    """
    platform, model = config.platform, config.serving.model_name
    if platform is None:
        artifacts = config.run_folder / "artifacts"
        return Places(
            artifacts=str(artifacts),
            data=str(config.data.path.resolve() if config.data.path else artifacts),
            schema=str(_by_content(config.schema_path, config)) if config.schema_path else None,
            serving=str(config.serving_folder),
            checkpoints=str(config.run_folder / "checkpoints"),
        )
    root = f"{platform.root}/{config.name}"
    return Places(
        artifacts=root,
        data=platform.data or str(config.data.path or root),
        schema=str(config.schema_path) if config.schema_path else None,
        serving=f"{platform.serving}/{model}",
        checkpoints=f"{platform.state}/{config.name}/checkpoints",
        champion=f"{platform.state}/{config.name}/champion",
    )


def _by_content(schema: Path, config: Config) -> Path:
    """A copy of the schema below a folder named by its content: TFX's cache key has only the path."""
    content = schema.read_bytes()
    copy = config.run_folder / "schema" / hashlib.sha256(content).hexdigest()[:16] / schema.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    return copy
