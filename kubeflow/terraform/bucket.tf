locals {
  root    = "artifacts"
  serving = "serving"
  source  = "source"
  state   = "state"
}

resource "google_storage_bucket" "pipeline" {
  name                        = var.bucket
  location                    = var.region
  labels                      = var.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # Terraform refuses to delete a bucket that holds anything.
  force_destroy = false

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.old_version_days
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  # Only what a run or a build left: what was pushed, and which model is the champion, have no age.
  dynamic "lifecycle_rule" {
    for_each = var.artifact_days == null ? [] : [var.artifact_days]

    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["${local.root}/", "${local.source}/"]
        with_state     = "LIVE"
      }
    }
  }

  depends_on = [google_project_service.api]
}

# A folder with its own policy, so that servers can list and read versions and nothing else of the bucket.
resource "google_storage_managed_folder" "serving" {
  bucket = google_storage_bucket.pipeline.name
  name   = "${local.serving}/"
}

# What `gcloud builds submit` uploads.
resource "google_storage_managed_folder" "source" {
  count = var.cloud_build ? 1 : 0

  bucket = google_storage_bucket.pipeline.name
  name   = "${local.source}/"
}
