from pathlib import Path

import pytest

TEXT = """# Served by the fleet.

# Ask the owners first.
model_config_list {
  # gone after an edit
  config { name: "taxi" base_path: "/m/taxi" model_platform: "tensorflow"
    model_version_policy { specific { versions: 3 versions: 4 versions: 1 } }
    version_labels { key: "stable" value: 4 }
    version_labels { key: "previous" value: 3 } }
  config { name: "other" base_path: "/m/other" model_platform: "tensorflow" model_version_policy { all {} } }
}
"""


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "models.config"
    path.write_text(TEXT)
    return path


@pytest.fixture
def fleet(half_plus, tmp_path):
    """A base path with versions, and a config file of which version 2 is stable."""
    from serving.versions import cli
    from tests.serving.versions.fleets import BAD, CONSTANTS, MODEL, Fleet

    folder = tmp_path / MODEL
    folder.mkdir()
    half_plus(folder / "2", constant=CONSTANTS[2])
    file = tmp_path / "models.config"
    flags = ["--model", MODEL, "--model_config_file", str(file)]
    assert cli.main(["init", *flags, "--model_base_path", str(folder)]) == 0
    for version in (3, 4):
        half_plus(folder / str(version), constant=CONSTANTS[version])
    (folder / str(BAD)).mkdir()
    (folder / str(BAD) / "saved_model.pb").write_bytes(b"no SavedModel")
    return Fleet(file)
