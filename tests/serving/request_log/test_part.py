"""The flags of the request log."""

from __future__ import annotations

import pytest

from tests.serving.support.command_line import MODEL, refusal


@pytest.mark.parametrize(
    ("flag", "error"),
    [
        ("--request_log_sampling_rate=2", "--request_log_sampling_rate: must be at least 0 and at most 1"),
        ("--request_log_rotate_bytes=0", "--request_log_rotate_bytes: must be at least 1"),
        ("--request_log_rotate_seconds=nan", "--request_log_rotate_seconds: must be at least 1"),
        ("--request_log_max_files=0", "--request_log_max_files: must be at least 1"),
    ],
)
def test_an_invalid_flag_is_refused(capsys, flag, error):
    assert error in refusal(capsys, *MODEL, flag)
