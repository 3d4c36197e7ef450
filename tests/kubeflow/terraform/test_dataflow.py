"""What kubeflow/terraform grants for Dataflow."""

import pytest
import yaml

from tests.kubeflow.terraform.terraform_files import FOLDER, Module, read
from tests.project import ci_files


@pytest.fixture
def module() -> Module:
    return read({path.name: path.read_text() for path in FOLDER.glob("*.tf")})


def test_rights_for_dataflow_are_there_only_where_it_is_used(module):
    """Its workers get what they need; the account of the tasks may start them and act as no other."""
    for name in ("project_roles", "image_roles", "accounts"):
        assert "var.dataflow ?" in module.local_values[name]
    assert module.variable_blocks["dataflow"]["default"] is False
    for kind, name, role in (
        ("google_storage_bucket_iam_member", "dataflow", "roles/storage.objectUser"),
        ("google_service_account_iam_member", "runner_acts_as_dataflow", "roles/iam.serviceAccountUser"),
    ):
        resource = module.resource(kind, name)
        assert resource["count"] == "${var.dataflow ? 1 : 0}"
        assert resource["role"] == f'"{role}"'
    assert 'this["runner"]' in resource["member"]
    profile = yaml.safe_load((ci_files.ROOT / "configs" / "profiles" / "dataflow.yaml").read_text())
    (account, _) = profile["beam"]["service_account"].split("@")
    assert account == "pipeline-dataflow"
