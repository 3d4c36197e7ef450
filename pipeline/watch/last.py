"""The last verdict, as the watch wrote it; read without TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config.config import Config
from pipeline.config.loading import ConfigError

FILE = "watch.json"


def folder(config: Config) -> Path:
    """Where the watch keeps and writes everything."""
    return config.run_folder / "watch"


def reasons(config: Config) -> Sequence[str]:
    """What the last look found that a new model may answer: drift, and live quality that has fallen.

    Raises:
        ConfigError: nobody has looked yet, or the file cannot be read.
    """
    document = _read(folder(config) / FILE)
    return [f"watch: {one['text']}" for one in document["findings"] if one["about_the_model"]]


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"--watch: there is no {path}; `python -m pipeline watch` writes it.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"--watch: {path} cannot be read ({error}); run `python -m pipeline watch` again.") from None
