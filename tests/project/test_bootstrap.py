import os
import re
from pathlib import Path

import pytest

import bootstrap


def test_lock_pins_every_package_with_hashes_and_names_no_host():
    text = bootstrap.LOCK.read_text()
    blocks = re.findall(r"^\S+==\S+ \\$(?:\n    --hash=sha256:\w{64}(?: \\)?$)+", text, re.M)
    assert len(blocks) == len(re.findall(r"^[a-z]\S*==", text, re.M)) > 150
    assert "://" not in text


def test_tools_are_taken_from_the_lock():
    block = bootstrap.locked("uv")
    assert block.startswith("uv==")
    assert "--hash=sha256:" in block
    assert block.count("==") == 1
    with pytest.raises(bootstrap.BootstrapError, match="does not pin left-pad"):
        bootstrap.locked("left-pad")


def test_this_environment_runs_on_a_new_enough_glibc():
    assert bootstrap.glibc_version() >= bootstrap.REQUIRED_GLIBC


def test_an_old_host_without_apt_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(os, "confstr", lambda name: "glibc 2.34")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(bootstrap.BootstrapError, match=r"glibc 2\.34.*Use a distribution from 2024 on"):
        bootstrap.host_distribution()


def test_an_unsupported_python_is_told_what_to_do(monkeypatch, tmp_path):
    class Version(tuple):
        major, minor = 3, 14

    monkeypatch.setattr(bootstrap.sys, "version_info", Version((3, 14)))
    with pytest.raises(bootstrap.BootstrapError, match=r"Python 3\.14 is not supported.*PYTHON=python3\.11"):
        bootstrap.build(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_failing_step_shows_the_command_s_last_lines(tmp_path):
    with pytest.raises(bootstrap.BootstrapError, match=r"trying failed \(exit code 3\):\n  no luck"):
        bootstrap.run(["sh", "-c", "echo no luck; exit 3"], step="trying", cwd=Path(tmp_path))


def test_uv_uses_the_index_and_certificates_of_pip():
    settings = bootstrap.uv_settings(
        {"PIP_INDEX_URL": "https://mirror.example/simple", "PIP_CERT": "/ca.pem", "X": "y"}
    )
    assert settings == {"UV_DEFAULT_INDEX": "https://mirror.example/simple", "SSL_CERT_FILE": "/ca.pem"}
