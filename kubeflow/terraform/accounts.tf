locals {
  accounts = merge(
    {
      builder   = "CI: pushes images"
      runner    = "Runs the pipeline's tasks"
      serving   = "Model servers: read pushed models"
      submitter = "CI: submits pipelines"
    },
    var.dataflow ? { dataflow = "Workers of Beam's jobs" } : {},
  )

  # On the whole project: neither Vertex AI nor Dataflow has a smaller scope for jobs.
  project_roles = concat(
    [
      { account = "runner", role = "roles/aiplatform.user" },
      { account = "submitter", role = "roles/aiplatform.user" },
    ],
    var.cloud_build ? [{ account = "submitter", role = "roles/logging.logWriter" }] : [],
    var.dataflow ? [
      # Tasks start Beam's jobs, look at them and cancel them.
      { account = "runner", role = "roles/dataflow.developer" },
      { account = "dataflow", role = "roles/dataflow.worker" },
    ] : [],
  )

  image_roles = concat(
    [
      { account = "builder", role = "roles/artifactregistry.writer" },
      { account = "runner", role = "roles/artifactregistry.reader" },
    ],
    var.cloud_build ? [{ account = "submitter", role = "roles/artifactregistry.writer" }] : [],
    var.dataflow ? [{ account = "dataflow", role = "roles/artifactregistry.reader" }] : [],
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

# Beam's workers read examples and write artifacts, as the tasks do.
resource "google_storage_bucket_iam_member" "dataflow" {
  count = var.dataflow ? 1 : 0

  bucket = google_storage_bucket.pipeline.name
  role   = "roles/storage.objectUser"
  member = google_service_account.this["dataflow"].member
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

# A task names the account that the workers of its job act as.
resource "google_service_account_iam_member" "runner_acts_as_dataflow" {
  count = var.dataflow ? 1 : 0

  service_account_id = google_service_account.this["dataflow"].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.this["runner"].member
}

resource "google_service_account_iam_member" "serving_on_gke" {
  count = var.serving_kubernetes_account == null ? 0 : 1

  service_account_id = google_service_account.this["serving"].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.serving_kubernetes_account}]"
}
