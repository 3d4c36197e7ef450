"""The flags of REST."""

from __future__ import annotations

import pytest

from tests.serving.support.command_line import MODEL, refusal


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--port=8500", "--rest_api_port=8500"], "--rest_api_port: must differ from --port"),
        (["--rest_api_port=99999"], "--rest_api_port: must be at least -1 and at most 65535"),
        (["--rest_api_num_threads=0"], "--rest_api_num_threads: must be at least 1"),
        (["--rest_api_timeout_in_ms=0"], "--rest_api_timeout_in_ms: must be at least 1"),
        (["--rest_api_port=0", "--monitoring_config_file=m"], "give --rest_api_port, too"),
    ],
)
def test_an_invalid_flag_is_refused(capsys, words, error):
    assert error in refusal(capsys, *MODEL, *words)
