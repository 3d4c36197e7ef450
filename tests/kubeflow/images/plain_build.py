"""Runs the steps of a Dockerfile in plain folders, for machines without a container engine.

FROM, ARG, ENV, WORKDIR, COPY, RUN, USER and CMD; any other instruction is an error. The image's paths lie below one
root folder, and all commands are given them there: `/venv` is `ROOT/venv`. Not the image's are the kernel, the shell
and its tools, the network, the user, and Python itself.
"""

from __future__ import annotations

import os
import re
import shutil
import string
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from e2b_dockerfile_utils import DockerfileInstruction, PatternMatcher, ShellLex, parse_dockerfile_ast

from bootstrap import uv_settings

_ABSOLUTE = re.compile(r"(?<![\w./*}$-])/(?=\w)")
# The settings of this machine's network and download cache, which an engine has outside of the image.
_NETWORK = re.compile(r"(PIP|UV|SSL)_\w+|\w+_proxy", re.I)


@dataclass(frozen=True)
class Image:
    """What a stage ends with.

    Attributes:
        root: holds the image's files.
        environment: of its containers; paths are below ``root``.
        folder: the working folder.
        user: as the last USER says; empty where there is none.
        command: the last CMD.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()
    user: str = ""
    command: tuple[str, ...] = ()

    def run(self, *command: str, **options: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a container would: in the working folder, with nothing of this process's environment."""
        environment = self.environment | options
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            text=True,
            capture_output=True,
            executable=self._program(command[0]),
        )

    def _program(self, name: str) -> str:
        return shutil.which(name, path=self.environment["PATH"]) or name


def stages(dockerfile: Path) -> dict[str, list[DockerfileInstruction]]:
    """The instructions of each stage by its name, FROM first."""
    found: dict[str, list[DockerfileInstruction]] = {}
    for instruction in parse_dockerfile_ast(dockerfile.read_text()).instructions:
        if instruction.name == "FROM":
            current = found[instruction.args[2]] = []
        current.append(instruction)
    return found


def copied(context: Path, ignore: Path) -> list[Path]:
    """The files that the engine gets to see, relative to ``context``."""
    matcher = PatternMatcher(ignore.read_text().splitlines())
    found = []
    for folder, folders, files in os.walk(context):
        here = Path(folder).relative_to(context)
        folders[:] = [
            name
            for name in folders
            if not matcher.matches(f"{here / name}") or matcher.may_match_under(f"{here / name}")
        ]
        found += [here / name for name in files if not matcher.matches(f"{here / name}")]
    return sorted(found)


class PlainBuild:
    """Builds one target below a folder."""

    def __init__(self, *, dockerfile: Path, context: Path, folder: Path) -> None:
        """Args: the Dockerfile, the context that COPY takes from, and an empty folder to work in."""
        self._stages = stages(dockerfile)
        self._context = context
        self._files = copied(context, dockerfile.with_name(f"{dockerfile.name}.dockerignore"))
        self._folder = folder
        # Every stage is built here and then moved aside, since an environment holds its own absolute path.
        self._root = folder / "root"
        self._built: dict[str, Image] = {}

    def image(self, target: str) -> Image:
        """Build ``target`` and the stages that it needs."""
        image = self._build(target)
        image.root.rename(self._root)
        return replace(image, root=self._root)

    def _build(self, name: str) -> Image:
        if name not in self._built:
            start, *steps = self._stages[name]
            for needed in (source for step in steps for source in _sources(step)):
                self._build(needed)
            parent = self._build(start.args[0]) if start.args[0] in self._stages else None
            self._root.mkdir()
            if parent:
                _link(parent.root, self._root)
            else:
                _base_image(self._root)
            image = parent or Image(root=self._root, environment={"PATH": f"{self._root}/usr/local/bin:/usr/bin:/bin"})
            variables: dict[str, str] = {}
            for step in steps:
                image = self._step(image, step, variables)
            self._root.rename(self._folder / name)
            self._built[name] = replace(image, root=self._folder / name)
        return self._built[name]

    def _step(self, image: Image, step: DockerfileInstruction, variables: dict[str, str]) -> Image:
        match step.name:
            case "ARG":
                key, _, value = step.args[0].partition("=")
                variables[key] = value
            case "ENV":
                given = dict(zip(step.args[::3], step.args[1::3], strict=True))
                known = variables | image.environment
                return replace(
                    image, environment=image.environment | {k: self._word(v, known) for k, v in given.items()}
                )
            case "WORKDIR":
                folder = Path(self._word(step.args[0], variables | image.environment))
                folder.mkdir(parents=True, exist_ok=True)
                return replace(image, folder=folder)
            case "COPY":
                self._copy(image, step)
            case "RUN":
                self._run(image, step.args[0], variables)
            case "USER":
                return replace(image, user=string.Template(step.args[0]).substitute(variables))
            case "CMD" if step.json:
                return replace(image, command=tuple(step.args))
            case other:
                raise NotImplementedError(f"line {step.start_line}: {other}")
        return image

    def _word(self, word: str, variables: dict[str, str]) -> str:
        return string.Template(self._below_root(ShellLex("\\").process_word(word))).substitute(variables)

    def _below_root(self, text: str) -> str:
        return _ABSOLUTE.sub(f"{self._root}/", text)

    def _copy(self, image: Image, step: DockerfileInstruction) -> None:
        *sources, target = step.args
        into = image.folder / self._below_root(target)
        for stage in _sources(step):
            for source in sources:
                _take(self._folder / stage / source.lstrip("/"), into)
            return
        for source in map(Path, sources):
            files = [file for file in self._files if file == source or source in file.parents]
            if not files:
                raise FileNotFoundError(f"line {step.start_line}: {source} is not there, or is ignored")
            for file in files:
                copy = into / (file.relative_to(source) if file != source else file.name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._context / file, copy)

    def _run(self, image: Image, command: str, variables: dict[str, str]) -> None:
        machine = {key: value for key, value in os.environ.items() if _NETWORK.fullmatch(key) or key == "HOME"}
        done = subprocess.run(
            ["/bin/sh", "-ec", self._below_root(command)],
            cwd=image.folder if image.folder.is_relative_to(self._root) else self._root,
            env=uv_settings(os.environ) | machine | variables | image.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode:
            raise RuntimeError(f"RUN {command}\nended with {done.returncode}:\n{done.stdout[-2000:]}")


def _sources(step: DockerfileInstruction) -> list[str]:
    """The stage that a COPY takes from, if any."""
    return [flag.removeprefix("--from=") for flag in step.flags if flag.startswith("--from=")]


def _link(source: Path, target: Path) -> None:
    """Copy a folder's content by hard links."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", "--link", f"{source}/.", target], check=True)


def _take(source: Path, target: Path) -> None:
    """Move what is copied from another stage: a second COPY of the same would not find it, and fail."""
    if target.exists():
        _link(source, target)
    else:
        source.rename(target)


# Debian's Python looks into the second one only.
_SITES = ("site-packages", "dist-packages")


def _base_image(root: Path) -> None:
    """Python as the base image has it: the interpreter that runs the tests, with pip and no other package.

    That interpreter may be one with a newer glibc than this machine's (see bootstrap.py), so it is copied, and all else
    that belongs to it is linked.
    """
    major, minor = sys.version_info[:2]
    version = f"python{major}.{minor}"
    library = root / "usr/local/lib" / version
    binaries = root / "usr/local/bin"
    library.mkdir(parents=True)
    binaries.mkdir()
    shutil.copy2(Path(sys.executable).resolve(), binaries / version)
    for name in ("python", "python3"):
        (binaries / name).symlink_to(version)
    for shared in Path(sys.base_prefix, "lib").glob("libpython*"):
        (library.parent / shared.name).symlink_to(shared)
    for entry in Path(sys.base_prefix, "lib", version).iterdir():
        if entry.name not in (*_SITES, "EXTERNALLY-MANAGED"):
            (library / entry.name).symlink_to(entry)
    pip = next(Path(folder, "pip") for folder in sys.path if Path(folder, "pip", "__main__.py").exists())
    for site in _SITES:
        (library / site).mkdir()
        (library / site / "pip").symlink_to(pip)
    (binaries / "pip").write_text(f'#!/bin/sh\nexec {binaries}/python -m pip "$@"\n')
    (binaries / "pip").chmod(0o755)
