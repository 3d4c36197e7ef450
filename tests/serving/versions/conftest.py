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
