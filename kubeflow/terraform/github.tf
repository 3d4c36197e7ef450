# GitHub signs a token for each job; Google exchanges it. No key of an account exists.
resource "google_iam_workload_identity_pool" "github" {
  count = var.github == null ? 0 : 1

  workload_identity_pool_id = "github"
  display_name              = "GitHub Actions"

  depends_on = [google_project_service.api]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  count = var.github == null ? 0 : 1

  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "actions"
  display_name                       = "One branch of one repository"
  # The number, since a name that was given up can be taken by somebody else.
  attribute_condition = "assertion.repository_id == '${var.github.repository_id}' && assertion.ref == 'refs/heads/${var.github.branch}'"
  # Not by the subject: its form differs between repositories made before and after the summer of 2026.
  attribute_mapping = {
    "google.subject"        = "assertion.sub"
    "attribute.environment" = "assertion.environment"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

# A job has an environment's token only after what the environment asks for, such as an approval.
resource "google_service_account_iam_member" "github" {
  for_each = var.github == null ? {} : {
    builder   = var.github.build_environment
    submitter = var.github.submit_environment
  }

  service_account_id = google_service_account.this[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github[0].name}/attribute.environment/${each.value}"
}
