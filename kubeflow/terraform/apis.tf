locals {
  apis = toset(concat(
    [
      "aiplatform.googleapis.com",
      "artifactregistry.googleapis.com",
      "compute.googleapis.com",
      "iam.googleapis.com",
      "iamcredentials.googleapis.com",
      "storage.googleapis.com",
    ],
    var.cloud_build ? ["cloudbuild.googleapis.com", "logging.googleapis.com"] : [],
    var.dataflow ? ["dataflow.googleapis.com"] : [],
    var.github == null ? [] : ["sts.googleapis.com"],
    var.metadata_database == null ? [] : [
      "secretmanager.googleapis.com",
      "servicenetworking.googleapis.com",
      "sqladmin.googleapis.com",
    ],
  ))
}

resource "google_project_service" "api" {
  for_each = local.apis

  service = each.value
  # Others in the project may use it, too.
  disable_on_destroy = false
}
