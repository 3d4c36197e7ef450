locals {
  accounts = {
    builder   = "CI: pushes images"
    runner    = "Runs the pipeline's tasks"
    serving   = "Model servers: read pushed models"
    submitter = "CI: submits pipelines"
  }

  # On the whole project: Vertex AI has no smaller scope for jobs.
  project_roles = concat(
    [
      { account = "runner", role = "roles/aiplatform.user" },
      { account = "submitter", role = "roles/aiplatform.user" },
    ],
    var.cloud_build ? [{ account = "submitter", role = "roles/logging.logWriter" }] : [],
  )

  image_roles = concat(
    [
      { account = "builder", role = "roles/artifactregistry.writer" },
      { account = "runner", role = "roles/artifactregistry.reader" },
    ],
    var.cloud_build ? [{ account = "submitter", role = "roles/artifactregistry.writer" }] : [],
  )
}

resource "google_service_account" "this" {
  for_each = local.accounts

  account_id   = "pipeline-${each.key}"
  display_name = each.value

  depends_on = [google_project_service.api]
}

resource "google_project_iam_member" "role" {
  for_each = { for grant in local.project_roles : "${grant.account} ${grant.role}" => grant }

  project = var.project
  role    = each.value.role
  member  = google_service_account.this[each.value.account].member
}

# Reads, writes, overwrites and deletes objects; the bucket itself is Terraform's.
resource "google_storage_bucket_iam_member" "runner" {
  bucket = google_storage_bucket.pipeline.name
  role   = "roles/storage.objectUser"
  member = google_service_account.this["runner"].member
}

resource "google_storage_managed_folder_iam_member" "serving" {
  bucket         = google_storage_managed_folder.serving.bucket
  managed_folder = google_storage_managed_folder.serving.name
  role           = "roles/storage.objectViewer"
  member         = google_service_account.this["serving"].member
}

resource "google_storage_managed_folder_iam_member" "source" {
  count = var.cloud_build ? 1 : 0

  bucket         = google_storage_managed_folder.source[0].bucket
  managed_folder = google_storage_managed_folder.source[0].name
  role           = "roles/storage.objectViewer"
  member         = google_service_account.this["submitter"].member
}

resource "google_artifact_registry_repository_iam_member" "role" {
  for_each = { for grant in local.image_roles : "${grant.account} ${grant.role}" => grant }

  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = each.value.role
  member     = google_service_account.this[each.value.account].member
}

# To start a job that runs as the runner one must be allowed to act as it; the runner itself starts custom jobs.
resource "google_service_account_iam_member" "acts_as_runner" {
  for_each = toset(["runner", "submitter"])

  service_account_id = google_service_account.this["runner"].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.this[each.value].member
}

resource "google_service_account_iam_member" "serving_on_gke" {
  count = var.serving_kubernetes_account == null ? 0 : 1

  service_account_id = google_service_account.this["serving"].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.serving_kubernetes_account}]"
}
