"""The last verdict, as the watch wrote it; read without TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.config.config import Config
from pipeline.config.loading import ConfigError

FILE = "watch.json"
_DAY = 86_400
# A verdict is old after so many windows, and not before a day.
_OLD = 3


def folder(config: Config) -> Path:
    """Where the watch keeps and writes everything."""
    return config.run_folder / "watch"


def reasons(config: Config, *, version: int) -> Sequence[str]:
    """What the last look found that a new model may answer: drift, and live quality that has fallen.

    Args:
        config: the pipeline.
        version: the newest one; what an older one was asked calls for no further model.

    Raises:
        ConfigError: nobody has looked yet, or not for long, or the file cannot be read.
    """
    document = _read(folder(config) / FILE)
    age = datetime.now(UTC).timestamp() - datetime.fromisoformat(document["time"]).timestamp()
    if age > max(_OLD * config.watch.seconds, _DAY):
        raise ConfigError(
            f"--watch: the last look was {age / _DAY:.1f} days ago; run `python -m pipeline watch` first."
        )
    found = [one for one in document["findings"] if one["about_the_model"] and one["version"] in (0, version)]
    return [f"watch: {one['text']}" for one in found]


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"--watch: there is no {path}; `python -m pipeline watch` writes it.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"--watch: {path} cannot be read ({error}); run `python -m pipeline watch` again.") from None
