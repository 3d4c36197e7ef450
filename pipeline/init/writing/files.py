"""Where a pipeline's files are, and how they are written."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from pipeline.config import yaml_files
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.init.plan import Plan
from pipeline.init.writing import schema_text
from pipeline.init.writing.config_text import config_text


class PipelineFiles:
    """Where a pipeline's files are.

    Args:
        name: the pipeline's name.
    """

    def __init__(self, name: str):
        self.name = name
        self.config = Path("configs") / f"{name}.yaml"
        self.schema = Path("schema") / name / "schema.pbtxt"

    def refuse_existing(self) -> None:
        """Refuse to overwrite.

        Raises:
            ConfigError: a file exists.
        """
        for path in (self.config, self.schema):
            if path.exists():
                raise ConfigError(
                    f"{path} exists; --force overwrites it, --update shows what would change, --name chooses another."
                )

    def checked(self, plan: Plan) -> str:
        """The config's text, which is a valid config.

        Raises:
            ConfigError: it is not, which is a fault of ours.
        """
        text = config_text(plan, schema=self.schema.as_posix())
        try:
            config = Config.model_validate(yaml_files.parsed(text))
        except ValidationError as error:
            raise ConfigError(f"{self.config}: {error.errors()[0]['msg']}.") from error
        assert config.label == plan.decisions.label
        return text

    def write(self, plan: Plan, text: str) -> None:
        """Write the files.

        Raises:
            ConfigError: a file cannot be written.
        """
        try:
            self.schema.parent.mkdir(parents=True, exist_ok=True)
            self.config.parent.mkdir(parents=True, exist_ok=True)
            schema = schema_text.schema_of(plan.decisions.table, plan.decisions.treatments, plan.decisions.label)
            self.schema.write_text(schema_text.as_text(schema, title=self.name), encoding="utf-8")
            self.config.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{error.filename}: cannot be written ({error.strerror}).") from None


def checked_name(name: str) -> str:
    """A name that a pipeline may have.

    Raises:
        ConfigError: it has other characters.
    """
    if not name.replace("-", "_").isidentifier():
        name = f"_{name}" if f"_{name}".replace("-", "_").isidentifier() else name
    if not name.replace("-", "_").isidentifier():
        raise ConfigError(f"--name: {name!r} may contain only letters, digits, '-' and '_'.")
    return name
