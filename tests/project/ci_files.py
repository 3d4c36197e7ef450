"""The CI files: their references, and their scripts, run with stand-ins for tools that are not available."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
CLOUD_BUILD = ROOT / "kubeflow" / "cloudbuild.yaml"

Tree = dict[str, Any]

_EXPRESSION = re.compile(r"\$\{\{(.+?)\}\}")
_CONTEXT = re.compile(r"\b(?:github|inputs|vars|needs|steps|env|secrets|matrix|runner)\.[\w.-]+")
_SUBSTITUTION = re.compile(r"\$\{?(_[A-Z_]+|[A-Z]+_ID)\b")
# The values that GitHub and Cloud Build set and that the files use.
_GITHUB = {"github.ref", "github.sha", "github.event_name"}
_BUILD = {"PROJECT_ID", "BUILD_ID"}
_PYTHON = """#!/usr/bin/env bash
printf '%s\\n' "python ${{*@Q}}" >> {log}
case "$3" in {real}) exec {python} "$@" ;; esac
"""
_TOOL = """#!/usr/bin/env bash
printf '%s\\n' "{name} ${{*@Q}}" >> {log}
case "$*" in *RepoDigests*) printf '%s@sha256:%s\\n' "${{@: -1:1}}" {digest} | sed 's/:[^:@]*@/@/' ;; esac
"""
DIGEST = "ab" * 32


def read(path: Path) -> Tree:
    """A workflow; YAML 1.1 reads the key ``on`` as true."""
    tree = yaml.safe_load(path.read_text())
    if True in tree:
        tree["on"] = tree.pop(True)
    return tree


def texts(tree: Any, *, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text with its key."""
    if isinstance(tree, str):
        yield key, tree
    elif isinstance(tree, dict):
        for name, child in tree.items():
            yield from texts(child, key=str(name))
    elif isinstance(tree, list):
        for child in tree:
            yield from texts(child, key=key)


def contexts(tree: Any) -> set[str]:
    """The references in the expressions of a workflow or a part of it."""
    expressions = [
        expression
        for key, text in texts(tree)
        for expression in ([text] if key == "if" else [match[1] for match in _EXPRESSION.finditer(text)])
    ]
    return {match[0] for expression in expressions for match in _CONTEXT.finditer(expression)}


def workflow_faults(workflow: Tree) -> list[str]:
    """Dangling references, and jobs with too many permissions or without a limit."""
    dispatch = (workflow["on"].get("workflow_dispatch") or {}).get("inputs", {})
    known = _GITHUB | {f"inputs.{name}" for name in dispatch}
    found = [] if workflow.get("permissions") == {"contents": "read"} else ["permissions: more than contents: read"]
    for name, job in workflow["jobs"].items():
        found += [f"{name}: {fault}" for fault in _job_faults(job, workflow["jobs"], known)]
    outside = contexts({name: part for name, part in workflow.items() if name != "jobs"})
    return found + [f"{reference} is not known" for reference in sorted(outside - known)]


def _job_faults(job: Tree, jobs: Tree, known: set[str]) -> Iterator[str]:
    needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
    yield from (f"needs {name}, which is not a job" for name in needs if name not in jobs)
    known = known | {
        f"needs.{name}.outputs.{output}" for name in needs for output in jobs.get(name, {}).get("outputs", {})
    }
    if "uses" not in job and "timeout-minutes" not in job:
        yield "has no timeout-minutes"
    known = known | {f"matrix.{name}" for name in job.get("strategy", {}).get("matrix", {})}
    steps: set[str] = set()
    for step in job.get("steps", []):
        yield from (f"{name} is not known" for name in sorted(_unknown(step, known, steps)))
        if _EXPRESSION.search(step.get("run", "")):
            yield "run: contains an expression, which runs as code; pass it by env"
        if "uses" in step and not re.search(r"@[0-9a-f]{40}$", step["uses"]):
            yield f"{step['uses']} is not pinned by its commit"
        if "id" in step:
            steps.add(step["id"])
    rest = {name: part for name, part in job.items() if name != "steps"}
    yield from (f"{name} is not known" for name in sorted(_unknown(rest, known, steps)))
    signs_in = any("google-github-actions/auth@" in step.get("uses", "") for step in job.get("steps", []))
    if signs_in != (job.get("permissions", {}).get("id-token") == "write"):
        yield "id-token: write is for jobs that sign in, and only for them"


def _unknown(tree: Tree, known: set[str], steps: set[str]) -> set[str]:
    variables = {name for name in contexts(tree) if name.startswith("vars.")}
    of_steps = {name for name in contexts(tree) if name.startswith("steps.") and name.split(".")[1] in steps}
    return contexts(tree) - known - variables - of_steps


def build_faults(build: Tree) -> list[str]:
    """Dangling or unused substitutions, wrong step references and missing limits of a Cloud Build file."""
    declared = set(build["substitutions"])
    used = {match[1] for _, text in texts(build) for match in _SUBSTITUTION.finditer(text)}
    found = [f"{name} is not declared" for name in sorted(used - declared - _BUILD)]
    found += [f"{name} is not used" for name in sorted(declared - used)]
    before = {"-"}
    for step in build["steps"]:
        found += [
            f"{step['id']}: waits for {name}, which is no earlier step"
            for name in step["waitFor"]
            if name not in before
        ]
        found += [f"{step['id']}: has no {key}" for key in ("timeout", "script") if key not in step]
        if not step["script"].startswith("#!/usr/bin/env bash\nset -euo pipefail\n"):
            found.append(f"{step['id']}: continues after a failed command")
        before.add(step["id"])
    return found


def run(script: str, *, folder: Path, environment: Mapping[str, str], at: Path | None = None, real: str = "-") -> None:
    """Run a step's script as its runner would: a failing command or an unset variable is an error.

    Args:
        script: str, the step's bash script.
        folder: Path, for the stand-ins' log; the working directory by default.
        environment: the variables that the step declares; of this process, only what tools need is passed on.
        at: Path, another working directory.
        real: str, a pattern of the ``python -m kubeflow`` commands to run, instead of only recording them.
    """
    log = shlex.quote(str(folder / "log"))
    python = _PYTHON.format(log=log, real=real, python=shlex.quote(sys.executable))
    for place in (folder / "tools", folder / ".venv" / "bin"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "python").write_text(python)
    for name in ("make", "docker", "terraform", "sudo"):
        (folder / "tools" / name).write_text(_TOOL.format(name=name, log=log, digest=DIGEST))
    for tool in [*folder.glob("tools/*"), *folder.glob(".venv/bin/*")]:
        tool.chmod(0o755)
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TF_CPP_MIN_LOG_LEVEL") if name in os.environ}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=at or folder,
        env=kept | {"PATH": f"{folder / 'tools'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)} | dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def calls(folder: Path) -> list[list[str]]:
    """The calls of tools by the scripts that ran in ``folder``, with their arguments, in order."""
    log = folder / "log"
    return [shlex.split(line) for line in log.read_text().splitlines()] if log.exists() else []


def configs_with(folder: Path, platform: Mapping[str, Any]) -> Path:
    """A copy of configs/ with the keys of ``platform`` merged over those of the Vertex profile."""
    configs = Path(shutil.copytree(ROOT / "configs", folder / "configs"))
    profile = configs / "profiles" / "vertex.yaml"
    tree = yaml.safe_load(profile.read_text())
    tree["platform"] |= platform
    profile.write_text(yaml.safe_dump(tree))
    return configs
