"""The models of the servers under test."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    from tests.conformance import models

    folder = tmp_path_factory.mktemp("models")
    models.write(folder)
    return folder
