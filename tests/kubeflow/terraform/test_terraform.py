"""kubeflow/terraform, without providers: names, grants and limits, and that its profile is one the pipeline takes."""

import re
import shutil
import subprocess
from pathlib import Path

import hcl2
import pytest
import yaml

from pipeline.config import loading
from tests.kubeflow.terraform.terraform_files import FOLDER, Module, read, rendered_platform
from tests.project import ci_files

BROAD = re.compile(r"roles/(owner|editor|viewer|[\w.]*[aA]dmin)\b|allUsers|allAuthenticatedUsers")
# The whole project's policy is no place for more: everything else is granted on the one resource.
ON_THE_PROJECT = {
    "roles/aiplatform.user",
    "roles/dataflow.developer",
    "roles/dataflow.worker",
    "roles/logging.logWriter",
}


@pytest.fixture(scope="module")
def module() -> Module:
    return read({path.name: path.read_text() for path in FOLDER.glob("*.tf")})


def faults(module: Module) -> list[str]:
    """What is wrong in names and grants."""
    found = [f"{name} is not declared" for name in sorted(module.references - module.declared)]
    found += [
        f"{name} is not used" for name in sorted(module.variables | module.locals) if name not in module.references
    ]
    for name, block in sorted(module.variable_blocks.items()):
        found += [f"var.{name} has no {key}" for key in ("type", "description") if key not in block]
        if block.get("type") not in ("${bool}", "bool", "${map(string)}") and "validation" not in block:
            found.append(f"var.{name} has no validation")
    found += [
        f"output {name} has no description" for name, block in module.outputs.items() if "description" not in block
    ]
    found += [f"{match[0]} is too broad" for match in BROAD.finditer(module.text)]
    found += [
        f"{kind} takes grants of others away" for kind in module.kinds if kind.endswith(("_iam_policy", "_iam_binding"))
    ]
    found += [f"{kind} is a key that can be lost" for kind in module.kinds if kind == "google_service_account_key"]
    granted = set(re.findall(r"roles/[\w.]+", str(module.local_values["project_roles"])))
    found += [f"{role} is granted on the whole project" for role in sorted(granted - ON_THE_PROJECT)]
    return found


def test_names_resolve_and_grants_are_narrow(module):
    assert faults(module) == []
    assert len(module.kinds) > 10


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("bucket.tf", "= var.region", "= var.regoin", "var.regoin is not declared"),
        ("registry.tf", "${google_artifact_registry_repository.images.", "${google_artifact_registry_repository.image.",
         "google_artifact_registry_repository.image is not declared"),
        ("accounts.tf", "local.image_roles :", "local.image_role :", "local.image_role is not declared"),
        ("registry.tf", "= var.images_kept", "= 20", "var.images_kept is not used"),
        ("variables.tf", "  description = \"Labels", "  nullable = false # \"Labels", "var.labels has no description"),
        ("accounts.tf", "roles/storage.objectUser", "roles/storage.admin", "roles/storage.admin is too broad"),
        ("accounts.tf", "roles/storage.objectUser", "roles/editor", "roles/editor is too broad"),
        ("accounts.tf", 'google_service_account.this["serving"].member', '"allUsers"', "allUsers is too broad"),
        ("accounts.tf", "roles/logging.logWriter", "roles/storage.objectUser",
         "roles/storage.objectUser is granted on the whole project"),
        ("accounts.tf", 'resource "google_storage_bucket_iam_member"', 'resource "google_storage_bucket_iam_binding"',
         "google_storage_bucket_iam_binding takes grants of others away"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(file, old, new, found):
    files = {path.name: path.read_text() for path in FOLDER.glob("*.tf")}
    files[file] = files[file].replace(old, new)
    assert found in faults(read(files))


def test_providers_are_pinned_to_a_major_version(module):
    (block,) = module.blocks["terraform"]
    (providers,) = block["required_providers"]
    assert set(providers) - {"__is_block__"} == {"google", "random"}
    for provider in ("google", "random"):
        assert re.fullmatch(r"~> \d+\.\d+", providers[provider]["version"].strip('"'))
    assert re.fullmatch(r"~> \d+\.\d+", block["required_version"].strip('"'))


def test_the_bucket_keeps_what_was_pushed(module):
    bucket = module.resource("google_storage_bucket", "pipeline")
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == '"enforced"'
    assert bucket["force_destroy"] is False
    assert bucket["versioning"][0]["enabled"] is True
    rules = bucket["lifecycle_rule"] + [rule['"lifecycle_rule"']["content"][0] for rule in bucket["dynamic"]]
    with_an_age = ['"${local.root}/"', '"${local.source}/"']
    deleting = [rule["condition"][0] for rule in rules if rule["action"][0]["type"] == '"Delete"']
    for condition in deleting:
        live = condition["with_state"] != '"ARCHIVED"'
        assert condition.get("matches_prefix") == (with_an_age if live else None)
    assert len(deleting) == 2
    # The cache names artifacts for as long as nothing changes, so no age is right for all.
    assert module.variable_blocks["artifact_days"]["default"] is None


def test_the_database_is_private_and_its_password_is_in_no_state(module):
    database = module.resource("google_sql_database_instance", "metadata")
    (settings,) = database["settings"]
    assert database["database_version"] == '"POSTGRES_16"'
    assert database["deletion_protection"] is settings["deletion_protection_enabled"] is True
    assert settings["ip_configuration"][0]["ipv4_enabled"] is False
    assert settings["ip_configuration"][0]["ssl_mode"] == '"ENCRYPTED_ONLY"'
    assert settings["backup_configuration"][0]["point_in_time_recovery_enabled"] is True
    for kind, key in (("google_sql_user", "password"), ("google_secret_manager_secret_version", "secret_data")):
        block = module.resource(kind, "metadata")
        assert key not in block
        assert block[f"{key}_wo"] == "${ephemeral.random_password.metadata[0].result}"


def test_the_profile_that_terraform_prints_is_the_whole_environment(module, taxi_config, tmp_path):
    configs = ci_files.configs_with(tmp_path, rendered_platform(module))
    platform = loading.load(config=configs / "taxi.yaml", profile="vertex").platform
    assert platform.root == "gs://pipelines-of-acme/artifacts"
    assert platform.service_account == "pipeline-runner@acme-ml.iam.gserviceaccount.com"
    assert platform.image.startswith("us-central1-docker.pkg.dev/acme-ml/pipelines/tfx-pipeline@sha256:")
    # Nothing of the template is left to be edited by hand.
    assert not re.search(r"my-project|my-bucket|europe-west4", yaml.safe_dump(platform.model_dump(mode="json")))


def test_a_key_that_the_profile_does_not_have_is_refused(module, tmp_path):
    platform = rendered_platform(module)
    platform["servng"] = platform.pop("serving")
    configs = ci_files.configs_with(tmp_path, platform)
    with pytest.raises(loading.ConfigError, match="did you mean serving"):
        loading.load(config=configs / "taxi.yaml", profile="vertex")


def test_ci_reads_what_terraform_prints(module):
    """Names in two systems: a repository's variables and a build's substitutions."""
    variables = set(re.findall(r"\bvars\.(\w+)", (ci_files.WORKFLOWS / "deploy.yml").read_text()))
    assert set(re.findall(r"(\w+) = ", module.outputs["github_variables"]["value"])) == variables
    jobs = ci_files.read(ci_files.WORKFLOWS / "deploy.yml")["jobs"]
    for account, option in (("BUILDER_ACCOUNT", "build_environment"), ("SUBMITTER_ACCOUNT", "submit_environment")):
        (environment,) = {job.get("environment") for job in jobs.values() if account in str(job)}
        assert f'{option} = optional(string, "{environment}")' in re.sub(r" +", " ", module.text)
    build = yaml.safe_load(ci_files.CLOUD_BUILD.read_text())
    to_give = {name for name in ("_REPOSITORY", "_SERVICE_ACCOUNT") if build["substitutions"][name] == ""}
    assert set(re.findall(r"(\w+) = ", module.outputs["cloud_build_substitutions"]["value"])) == to_give


def test_the_plans_of_terraform_test_name_what_is_there(module):
    (path,) = (FOLDER / "tests").glob("*.tftest.hcl")
    tests = hcl2.loads(path.read_text())
    given = {name for block in tests["variables"] for name in block} | {
        name for run in tests["run"] for body in run.values() for block in body.get("variables", []) for name in block
    }
    assert {f"var.{name}" for name in given if not name.startswith("__")} <= module.declared
    named = read({"tests": path.read_text()}).references
    assert {name for name in named if name.split(".")[0] != "output"} <= module.declared
    assert {name.removeprefix("output.") for name in named if name.startswith("output.")} <= set(module.outputs)


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on PATH")
def test_the_format_is_canonical(tmp_path):
    folder = Path(shutil.copytree(FOLDER, tmp_path / "terraform"))
    command = ["terraform", "fmt", "-check", "-recursive", "-list=true"]
    assert subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout == ""
    (folder / "apis.tf").write_text((folder / "apis.tf").read_text().replace("  service = ", "  service   = "))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["apis.tf"]
    assert done.returncode != 0
