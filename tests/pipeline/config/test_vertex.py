"""The options that only Vertex AI has."""

import pytest

from pipeline.config import loading
from tests.kubeflow.ir.golden_ir import config_of


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("platform.training.workers=0", "greater than 0"),
        ("platform.region=''", "platform.region: '' is empty"),
        ("platform.exit_handler.webhook_env=URL", "the files in exit_handler.folder, for example"),
    ],
)
def test_a_wrong_option_is_named(override, message):
    with pytest.raises(loading.ConfigError) as error:
        config_of("vertex", override)
    assert message in str(error.value)
    assert "vertex." not in str(error.value)
