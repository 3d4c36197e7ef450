"""Tools of others, fetched into ``build/interop``: from PyPI, Debian and the Go module proxy, by their own clients."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "interop"
PACKAGES = FOLDER / "packages"
_DEBIAN = FOLDER / "debian"
_GO = FOLDER / "go"
_FETCH_SECONDS = 600
_PYPI = (
    "tritonclient==2.73.0",
    "perf-analyzer==2.60.0",
    # What tritonclient needs for HTTP.
    *("geventhttpclient", "gevent", "zope.interface", "zope.event", "greenlet", "brotli", "python-rapidjson"),
    *("urllib3", "certifi"),
)
_H2LOAD = (
    *("nghttp2-client", "libnghttp2-14", "libev4", "libjansson4", "libc-ares2", "libevent-2.1-7", "libjemalloc2"),
    "libbpf1",
)
_MODULES = {
    "grpcurl": "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4",
    "grpc-health-probe": "github.com/grpc-ecosystem/grpc-health-probe@v0.4.63",
}


class Missing(Exception):
    """A tool cannot be had here; one line says why."""


def packages() -> Path:
    """The folder of packages from PyPI, apart from the environment.

    Raises:
        Missing: they cannot be installed.
    """
    if not (PACKAGES / "tritonclient").is_dir():
        python = ROOT / ".venv" / "bin" / "python"
        command = [ROOT / ".venv" / "bin" / "uv", "pip", "install", "--quiet", "--no-deps"]
        _run([*command, "--python", python, "--target", PACKAGES, *_PYPI], "packages from PyPI")
    return PACKAGES


def perf_analyzer() -> list[str]:
    """The command of NVIDIA's load generator; it needs glibc 2.38, so it starts with the environment's.

    Raises:
        Missing: it cannot be installed or does not start.
    """
    binary = packages() / "perf_analyzer" / "bin" / "perf_analyzer"
    loaders = sorted((ROOT / ".venv" / "glibc").rglob("lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"))
    command = [str(binary)]
    if loaders:
        command = [str(loaders[0]), "--library-path", str(loaders[0].parent), str(binary)]
    _run([*command, "--version"], "perf_analyzer")
    return command


def h2load() -> tuple[list[str], dict[str, str]]:
    """The command of nghttp2's load generator, and its environment.

    Raises:
        Missing: it is not installed, and cannot be had from Debian.
    """
    found = shutil.which("h2load")
    if found:
        return [found], dict(os.environ)
    binary = _DEBIAN / "usr" / "bin" / "h2load"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(_DEBIAN / "usr" / "lib" / "x86_64-linux-gnu")}
    if not binary.exists():
        if not shutil.which("apt-get"):
            raise Missing("h2load is not installed, and this is no Debian")
        _DEBIAN.mkdir(parents=True, exist_ok=True)
        for name in _H2LOAD:
            _run(["apt-get", "download", name], f"Debian's {name}", folder=_DEBIAN)
        for package in sorted(_DEBIAN.glob("*.deb")):
            _run(["dpkg", "-x", package, _DEBIAN], package.name)
    _run([binary, "--version"], "h2load", environment=environment)
    return [str(binary)], environment


def go_tool(name: str) -> list[str]:
    """The command of a tool that is built from a Go module.

    Raises:
        Missing: Go is not installed, or the module cannot be built.
    """
    found = shutil.which(name)
    if found:
        return [found]
    binary = _GO / name
    if not binary.exists():
        if not shutil.which("go"):
            raise Missing(f"{name} needs Go to be built")
        _run(["go", "install", _MODULES[name]], name, environment={**os.environ, "GOBIN": str(_GO)})
    return [str(binary)]


def _run(command: list, what: str, *, folder: Path | None = None, environment: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_FETCH_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{what}: {error}") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Missing(f"{what}: {last[0] if last else f'exit code {done.returncode}'}")
