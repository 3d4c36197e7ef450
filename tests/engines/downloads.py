"""``make engines``: what the engines are made of, below ``.engines``, with every version and checksum pinned.

Flink and Spark come from PyPI, Beam's runners from Maven's repository; the launchers are compiled here. After a change
of versions in a ``pom.xml``, ``sha256sum *.jar > jars.sha256`` in the folder of the jars renews the checksums.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.shared.programs import PROJECT

FOLDER = PROJECT / ".engines"
SOURCES = PROJECT / "tests" / "engines"
REQUIREMENTS = SOURCES / "requirements.txt"
PACKAGES = FOLDER / "python"
TOOLS = {"java": "a Java 17 runtime", "javac": "a Java 17 JDK", "mvn": "Maven"}


class PartsError(Exception):
    """A part is not what it should be, or there is no tool to fetch or build it."""


@dataclass(frozen=True)
class Engine:
    """One engine's Java libraries.

    Attributes:
        name: of its folders.
        distribution: where the jars of its Python package are.
    """

    name: str
    distribution: Path

    @property
    def sources(self) -> Path:
        return SOURCES / "launcher" / self.name

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def jars(self) -> Path:
        """Beam's runner and what it needs."""
        return self.folder / "jars"

    @property
    def launcher(self) -> Path:
        """The entry point that every job's jar starts from."""
        return self.folder / "launcher.jar"

    @property
    def stamp(self) -> Path:
        return self.folder / "stamp"

    def digest(self) -> str:
        """Of all that decides what is fetched and built."""
        return _digest(REQUIREMENTS, *sorted(path for path in self.sources.iterdir() if path.is_file()))

    def missing(self) -> str | None:
        """Why the engine cannot be started here; None where it can."""
        if not shutil.which("java"):
            return "there is no Java here"
        if not self.stamp.is_file():
            return f"{self.name} is not here; `make engines` fetches it"
        if self.stamp.read_text() != self.digest():
            return f"{self.name} is of another version; `make engines` renews it"
        return None


FLINK = Engine("flink", PACKAGES / "pyflink" / "lib")
SPARK = Engine("spark", PACKAGES / "pyspark" / "jars")
ENGINES = (FLINK, SPARK)


def fetch() -> None:
    """Fetch, check and build what is not there yet."""
    wanted = [engine for engine in ENGINES if engine.missing()]
    if not wanted:
        return
    _need_tools()
    _fetch_distributions()
    for engine in wanted:
        print(f"{engine.name}: Beam's runner", flush=True)
        _fetch_jars(engine)
        check(engine.jars, engine.sources / "jars.sha256")
        _build_launcher(engine)
        engine.stamp.write_text(engine.digest())


def check(jars: Path, checksums: Path) -> None:
    """Refuse a folder that is not, file for file, what the list says."""
    wanted = {name: digest for digest, name in (line.split() for line in checksums.read_text().splitlines())}
    found = {path.name: _digest(path) for path in jars.iterdir()}
    faults = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    faults += [f"{name} is not in the list" for name in sorted(found.keys() - wanted.keys())]
    faults += [
        f"{name} has the sha256 {found[name]}"
        for name in sorted(wanted.keys() & found.keys())
        if found[name] != wanted[name]
    ]
    if faults:
        raise PartsError(f"{jars} does not match {checksums}: {'; '.join(faults[:3])}")


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _need_tools() -> None:
    missing = [f"{tool} ({what})" for tool, what in TOOLS.items() if not shutil.which(tool)]
    if missing:
        raise PartsError(f"not on PATH: {', '.join(missing)}; the engines need Java, the pipeline does not")


def _fetch_distributions() -> None:
    stamp = PACKAGES / "stamp"
    if stamp.is_file() and stamp.read_text() == _digest(REQUIREMENTS):
        return
    shutil.rmtree(PACKAGES, ignore_errors=True)
    print("Flink's and Spark's distributions", flush=True)
    _run(
        [
            *(str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--python", sys.executable),
            *("--require-hashes", "--no-deps", "--no-build-isolation"),
            *("--target", str(PACKAGES), "--requirements", str(REQUIREMENTS)),
        ]
    )
    stamp.write_text(_digest(REQUIREMENTS))


def _fetch_jars(engine: Engine) -> None:
    shutil.rmtree(engine.folder, ignore_errors=True)
    _run(
        [
            *("mvn", "--batch-mode", "--quiet", "--file", str(engine.sources / "pom.xml")),
            *("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={engine.jars}"),
        ]
    )


def _build_launcher(engine: Engine) -> None:
    classes = engine.folder / "classes"
    classpath = f"{engine.jars}/*:{engine.distribution}/*"
    sources = map(str, engine.sources.glob("*.java"))
    _run(["javac", "--release", "17", "-proc:none", "-cp", classpath, "-d", str(classes), *sources])
    _run(["jar", "--create", "--file", str(engine.launcher), "-C", str(classes), "."])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-8:])
        raise PartsError(f"{Path(command[0]).name} failed\n{tail}")


if __name__ == "__main__":
    try:
        fetch()
    except PartsError as error:
        sys.exit(f"make engines: {error}")
