locals {
  # CI puts the digest of the image that it built here.
  no_digest = "sha256:${join("", [for _ in range(64) : "0"])}"

  platform = {
    kind            = "vertex"
    project         = var.project
    region          = var.region
    service_account = google_service_account.this["runner"].email
    image           = "${local.image_repository}/tfx-pipeline@${local.no_digest}"
    gpu_image       = "${local.image_repository}/tfx-pipeline-gpu@${local.no_digest}"
    root            = "${google_storage_bucket.pipeline.url}/${local.root}"
    serving         = "${google_storage_bucket.pipeline.url}/${local.serving}"
    state           = "${google_storage_bucket.pipeline.url}/${local.state}"
    exit_handler    = { folder = "${google_storage_bucket.pipeline.url}/${local.state}/ended" }
  }
}

output "profile" {
  description = "Keys of configs/profiles/vertex.yaml: terraform output -raw profile."
  value       = yamlencode({ platform = local.platform })
}

output "github_variables" {
  description = "Variables of the GitHub repository that .github/workflows/deploy.yml reads; null without github."
  value = var.github == null ? null : {
    BUILDER_ACCOUNT            = google_service_account.this["builder"].email
    IMAGE_REPOSITORY           = local.image_repository
    SUBMITTER_ACCOUNT          = google_service_account.this["submitter"].email
    WORKLOAD_IDENTITY_PROVIDER = google_iam_workload_identity_pool_provider.github[0].name
  }
}

output "cloud_build_substitutions" {
  description = "Substitutions of kubeflow/cloudbuild.yaml; null without cloud_build."
  value = !var.cloud_build ? null : {
    _REPOSITORY      = local.image_repository
    _SERVICE_ACCOUNT = google_service_account.this["submitter"].email
  }
}

output "source_folder" {
  description = "What --gcs-source-staging-dir of gcloud builds submit takes; null without cloud_build."
  value       = var.cloud_build ? "${google_storage_bucket.pipeline.url}/${local.source}" : null
}

output "serving_account" {
  description = "The account of model servers: it reads platform.serving and nothing else."
  value       = google_service_account.this["serving"].email
}

output "dataflow_account" {
  description = "beam.service_account of configs/profiles/dataflow.yaml; null without dataflow."
  value       = var.dataflow ? google_service_account.this["dataflow"].email : null
}

output "metadata_database" {
  description = "How to reach ML Metadata's PostgreSQL; the password is in the secret. Null without metadata_database."
  value = var.metadata_database == null ? null : {
    host            = google_sql_database_instance.metadata[0].private_ip_address
    database        = google_sql_database.metadata[0].name
    user            = google_sql_user.metadata[0].name
    password_secret = google_secret_manager_secret.metadata[0].id
  }
}
