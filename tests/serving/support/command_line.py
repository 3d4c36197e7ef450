"""The server's command line, for the tests of its flags."""

from __future__ import annotations

import pytest

from serving.server.flags import parse

MODEL = ("--model_base_path", "/models/taxi")


def refusal(capsys, *words: str) -> str:
    """The error of a refused command line, which is a usage line and one more."""
    with pytest.raises(SystemExit) as ended:
        parse(words, description="")
    assert ended.value.code == 2
    usage, error = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: python -m serving.server")
    return error
