resource "google_artifact_registry_repository" "images" {
  repository_id = "pipelines"
  description   = "Containers of the pipeline"
  format        = "DOCKER"
  location      = var.region
  labels        = var.labels

  # Keep wins over Delete, whatever the order.
  cleanup_policies {
    id     = "keep-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = var.images_kept
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "${90 * 24 * 60 * 60}s"
    }
  }

  depends_on = [google_project_service.api]
}

locals {
  image_repository = "${google_artifact_registry_repository.images.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}
