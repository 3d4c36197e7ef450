"""What is fetched for the engines is what the lists say, or it is refused."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import downloads
from tests.shared.programs import PROJECT


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    folder = tmp_path / "jars"
    folder.mkdir()
    for name in ("a-1.jar", "b-2.jar"):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def checksums(tmp_path: Path, jars: Path) -> Path:
    path = tmp_path / "jars.sha256"
    lines = [f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n" for jar in sorted(jars.iterdir())]
    path.write_text("".join(lines))
    return path


def test_jars_as_listed_pass(jars, checksums):
    downloads.check(jars, checksums)


def test_a_changed_jar_is_refused(jars, checksums):
    (jars / "b-2.jar").write_bytes(b"other")
    with pytest.raises(downloads.PartsError, match="b-2.jar has the sha256 d9298a10"):
        downloads.check(jars, checksums)


@pytest.mark.parametrize(("old", "new", "fault"), [("a-1.jar", "c-1.jar", "a-1.jar is missing; c-1.jar is not in the")])
def test_another_set_of_jars_is_refused(jars, checksums, old, new, fault):
    (jars / old).rename(jars / new)
    with pytest.raises(downloads.PartsError, match=fault):
        downloads.check(jars, checksums)


def test_without_java_it_is_said_what_is_needed(tmp_path):
    command = [sys.executable, "-c", "from tests.engines import downloads; downloads._need_tools()"]
    done = subprocess.run(command, cwd=PROJECT, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert "java (a Java 17 runtime), javac (a Java 17 JDK), mvn (Maven)" in done.stderr
