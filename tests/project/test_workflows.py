"""The files for GitHub and Cloud Build: their schemas, their references, and every command in them."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import bootstrap
from tests.conftest import ROOT
from tests.kubeflow.terraform import terraform_files
from tests.project import ci_files
from tests.project.arguments import parse
from tests.project.ci_files import CLOUD_BUILD, DIGEST, WORKFLOWS

CHECK = WORKFLOWS / "check.yml"
NIGHTLY = WORKFLOWS / "nightly.yml"
DEPLOY = WORKFLOWS / "deploy.yml"
GITHUB = WORKFLOWS.parent
REGISTRY = "us-central1-docker.pkg.dev/acme-ml/pipelines"


def fits_schema(schema: str, *files: Path) -> bool:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", (CHECK, NIGHTLY, DEPLOY)),
        ("vendor.cloudbuild", (CLOUD_BUILD,)),
        ("vendor.dependabot", (GITHUB / "dependabot.yml",)),
        ("vendor.github-issue-forms", (GITHUB / "ISSUE_TEMPLATE/bug.yml", GITHUB / "ISSUE_TEMPLATE/idea.yml")),
    ],
)
def test_the_files_fit_their_schemas(schema, files, tmp_path):
    assert fits_schema(schema, *files)
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(re.sub(r"^( +)(timeout|schedule|attributes)", r"\1unknown-\2", files[-1].read_text(), flags=re.M))
    assert not fits_schema(schema, wrong)


@pytest.mark.parametrize("path", [CHECK, NIGHTLY, DEPLOY], ids=lambda path: path.name)
def test_references_of_a_workflow_resolve(path):
    assert ci_files.workflow_faults(ci_files.read(path)) == []
    # Readers need the version of a commit.
    for line in path.read_text().splitlines():
        if "uses:" in line and "./" not in line:
            assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("needs.images.outputs.cpu", "needs.images.outputs.image", "compile: needs.images.outputs.image is not known"),
        ("needs: [images, compile]", "needs: [compile]", "submit: needs.images.outputs.cpu is not known"),
        ("needs: images", "needs: image", "compile: needs image, which is not a job"),
        ("steps.gpu.outputs", "steps.gpus.outputs", "images: steps.gpus.outputs.digest is not known"),
        ("inputs.cron", "inputs.schedule", "submit: inputs.schedule is not known"),
        ("timeout-minutes: 30", "continue-on-error: false", "compile: has no timeout-minutes"),
        ("@263435318d21b8e681c14492fe198d362a7d2c83", "@v6",
         "images: docker/build-push-action@v6 is not pinned by its commit"),
        ("id-token: write", "actions: read", "submit: id-token: write is for jobs that sign in, and only for them"),
        ("permissions:\n  contents: read\n\n", "", "permissions: more than contents: read"),
        ('"$CRON"', "${{ inputs.cron }}", "submit: run: contains an expression, which runs as code; pass it by env"),
    ],
)  # fmt: skip
def test_a_planted_fault_in_a_workflow_is_found(old, new, fault, tmp_path):
    wrong = tmp_path / "deploy.yml"
    wrong.write_text(DEPLOY.read_text().replace(old, new))
    assert fault in ci_files.workflow_faults(ci_files.read(wrong))


def test_every_python_of_the_distribution_is_tested():
    claimed = re.search(r'python_requires=">=(3\.\d+),<(3\.\d+)"', (ROOT / "setup.py").read_text()).groups()
    first, end = (int(version.removeprefix("3.")) for version in claimed)
    matrix = ci_files.read(CHECK)["jobs"]["pipeline"]["strategy"]["matrix"]
    assert matrix["python"] == [f"3.{minor}" for minor in range(first, end)]
    assert tuple((3, minor) for minor in (first, end - 1)) == bootstrap.PYTHONS


def test_only_the_approved_environment_submits():
    jobs = ci_files.read(DEPLOY)["jobs"]
    (submitting,) = (name for name, job in jobs.items() if "SUBMITTER_ACCOUNT" in str(job))
    assert jobs[submitting]["environment"] == "production"
    assert [name for name, job in jobs.items() if "kubeflow submit" in str(job)] == [submitting]


def run_jobs(path: Path, folder: Path, inputs: dict[str, str]) -> list[list[str]]:
    """Run every script in a workflow, with values for its expressions."""
    workflow = ci_files.read(path)

    def environment(*parts: dict) -> dict[str, str]:
        merged = {name: str(value) for part in parts for name, value in part.get("env", {}).items()}
        return {name: value(text) for name, text in merged.items()}

    def value(text: str) -> str:
        def resolved(match: re.Match[str]) -> str:
            first, _, otherwise = match[1].partition("||")
            name = first.strip()
            found = inputs.get(name.removeprefix("inputs."), "") if name.startswith("inputs.") else ""
            if name.startswith("needs."):
                found = f"{REGISTRY}/tfx-pipeline@sha256:{DIGEST}"
            if name.startswith("vars."):
                found = REGISTRY
            return found or otherwise.strip().strip("'")

        return re.sub(r"\$\{\{(.+?)\}\}", resolved, text)

    for job in workflow["jobs"].values():
        for step in job.get("steps", []):
            if "run" in step:
                ci_files.run(step["run"], folder=folder, environment=environment(workflow, job, step))
    return ci_files.calls(folder)


def check_calls(called: list[list[str]]) -> list:
    """Check that every command is valid, and return the parsed ones of ``python -m kubeflow``."""
    parsed = []
    for tool, *arguments in called:
        if tool == "python":
            assert arguments[:2] == ["-m", "kubeflow"]
            parsed.append(parse("kubeflow.cli", arguments[2:]))
        if tool == "make":
            subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, check=True)
    written = {options.output for options in parsed if options.command == "compile"}
    assert {options.input for options in parsed if options.command != "compile"} <= written
    return parsed


def test_every_command_of_a_pull_request_is_real(tmp_path):
    called = run_jobs(CHECK, tmp_path, {})
    assert [call[1:] for call in called if call[0] == "make"] == [["lint"], ["test"], ["docs"]]
    compiled = check_calls(called)
    assert {options.profile for options in compiled} == {"vertex", "kubeflow"}
    assert {options.output.parent for options in compiled} == {Path("compiled")}


def test_every_command_of_the_night_is_real(tmp_path):
    called = run_jobs(NIGHTLY, tmp_path, {})
    check_calls(called)
    assert [call[1:] for call in called if call[0] == "make"] == [
        ["test-all"],
        ["kills"],
        ["interop", "soak"],
        ["engines", "test-engines"],  # part: engine_tests
    ]


def test_every_command_of_a_push_to_main_is_real(tmp_path):
    called = run_jobs(DEPLOY, tmp_path, {})
    compiled, linted, submitted = check_calls(called)
    assert [options.command for options in (compiled, linted, submitted)] == ["compile", "lint", "submit"]
    assert compiled.set == linted.set == submitted.set
    assert f"platform.image={REGISTRY}/tfx-pipeline@sha256:{DIGEST}" in compiled.set
    assert compiled.config == submitted.config == Path("configs/taxi.yaml")
    assert (submitted.cron, submitted.wait, submitted.parameter) == (None, False, [])
    (login,) = (call for call in called if call[:2] == ["docker", "login"])
    assert login[-1] == "https://us-central1-docker.pkg.dev"


def test_the_inputs_of_a_manual_run_reach_the_submission(tmp_path):
    inputs = {
        "config": "configs/digits.yaml",
        "parameters": "data_path=gs://acme/data epochs=3",
        "cron": "0 3 * * 1",
        "wait": "true",
    }
    *_, submitted = check_calls(run_jobs(DEPLOY, tmp_path, inputs))
    assert submitted.config == Path("configs/digits.yaml")
    assert submitted.parameter == ["data_path=gs://acme/data", "epochs=3"]
    assert (submitted.cron, submitted.wait) == ("0 3 * * 1", True)


def test_a_misspelt_command_is_refused():
    with pytest.raises(SystemExit):
        check_calls([["python", "-m", "kubeflow", "compile", "--profiles", "vertex"]])
    with pytest.raises(subprocess.CalledProcessError):
        check_calls([["make", "tests-of-everything"]])


def test_the_built_images_exist():
    """The Dockerfile, and its target."""
    steps = [step for step in ci_files.read(DEPLOY)["jobs"]["images"]["steps"] if "build-push" in step.get("uses", "")]
    asked = {(step["with"]["file"], step["with"]["target"]) for step in steps}
    asked |= set(re.findall(r"docker build --file (\S+) --target (\S+)", CLOUD_BUILD.read_text()))
    assert len(asked) == 2
    for file, target in asked:
        assert re.search(rf"(?im)^FROM \S+ AS {target}$", (ROOT / file).read_text())


@pytest.fixture(scope="module")
def build() -> dict:
    return yaml.safe_load(CLOUD_BUILD.read_text())


def test_references_of_the_build_resolve(build):
    assert ci_files.build_faults(build) == []
    assert build["options"]["automapSubstitutions"] is True


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("$_CONFIG", "$_CONFIGURATION", "_CONFIGURATION is not declared"),
        ('"$_CRON"', '"$_PROFILE"', "_CRON is not used"),
        ("[test, build]", "[test, images]", "push: waits for images, which is no earlier step"),
        ("set -euo pipefail\nmake lint", "make lint", "test: continues after a failed command"),
    ],
)
def test_a_planted_fault_in_the_build_is_found(build, old, new, fault):
    wrong = copy.deepcopy(build)
    for step in wrong["steps"]:
        step["script"] = step["script"].replace(old, new)
        step["waitFor"] = yaml.safe_load(str(step["waitFor"]).replace("'", "").replace(old, new))
    assert fault in ci_files.build_faults(wrong)


@pytest.mark.slow
def test_the_build_runs_from_the_test_to_the_submission(build, tmp_path):
    """Compile and lint really run, with Terraform's profile; every container gets the image's digest."""
    module = terraform_files.read({path.name: path.read_text() for path in terraform_files.FOLDER.glob("*.tf")})
    configs = ci_files.configs_with(tmp_path, terraform_files.rendered_platform(module))
    given = {"_REPOSITORY": REGISTRY, "_CONFIG": str(configs / "taxi.yaml"), "_CRON": "0 3 * * 1"}
    environment = build["substitutions"] | given | {"BUILD_ID": "0f", "PROJECT_ID": "acme-ml"}
    for step in build["steps"]:
        script = step["script"].replace("/workspace", str(tmp_path))
        at = ROOT if step.get("dir") == "/app" else None
        ci_files.run(script, folder=tmp_path, environment=environment, at=at, real="compile|lint")
    called = ci_files.calls(tmp_path)
    compiled, linted, submitted = check_calls(called)
    assert compiled.set == linted.set == submitted.set
    assert (submitted.command, submitted.cron) == ("submit", "0 3 * * 1")
    pushed = [call[2] for call in called if call[:2] == ["docker", "push"]]
    assert pushed == [f"{REGISTRY}/tfx-pipeline:0f", f"{REGISTRY}/tfx-pipeline-gpu:0f"]
    images = set(re.findall(r"[iI]mage(?:Uri)?: (\S+)", (tmp_path / "compiled" / "pipeline.yaml").read_text()))
    assert images <= {f"{REGISTRY}/{name}@sha256:{DIGEST}" for name in ("tfx-pipeline", "tfx-pipeline-gpu")}
    assert f"{REGISTRY}/tfx-pipeline@sha256:{DIGEST}" in images
