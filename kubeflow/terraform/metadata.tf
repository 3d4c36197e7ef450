# Reachable from the network alone: the range is peered with Google's, and the server has no public address.
resource "google_compute_global_address" "metadata" {
  count = var.metadata_database == null ? 0 : 1

  name          = "pipeline-metadata"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = var.metadata_database.network

  depends_on = [google_project_service.api]
}

resource "google_service_networking_connection" "metadata" {
  count = var.metadata_database == null ? 0 : 1

  network                 = var.metadata_database.network
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.metadata[0].name]
}

resource "google_sql_database_instance" "metadata" {
  count = var.metadata_database == null ? 0 : 1

  name                = "pipeline-metadata"
  database_version    = "POSTGRES_16"
  region              = var.region
  deletion_protection = true

  settings {
    # PostgreSQL 16 defaults to Enterprise Plus, which has other tiers.
    edition                     = "ENTERPRISE"
    tier                        = var.metadata_database.tier
    availability_type           = var.metadata_database.highly_available ? "REGIONAL" : "ZONAL"
    disk_autoresize             = true
    deletion_protection_enabled = true
    user_labels                 = var.labels

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      start_time                     = "02:00"
      backup_retention_settings {
        retained_backups = 14
      }
    }

    ip_configuration {
      ipv4_enabled    = false
      private_network = var.metadata_database.network
      ssl_mode        = "ENCRYPTED_ONLY"
    }
  }

  depends_on = [google_service_networking_connection.metadata]
}

resource "google_sql_database" "metadata" {
  count = var.metadata_database == null ? 0 : 1

  name     = "metadata"
  instance = google_sql_database_instance.metadata[0].name
}

ephemeral "random_password" "metadata" {
  count = var.metadata_database == null ? 0 : 1

  length  = 32
  special = false
}

resource "google_secret_manager_secret" "metadata" {
  count = var.metadata_database == null ? 0 : 1

  secret_id = "pipeline-metadata-password"
  labels    = var.labels

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_version" "metadata" {
  count = var.metadata_database == null ? 0 : 1

  secret                 = google_secret_manager_secret.metadata[0].id
  secret_data_wo         = ephemeral.random_password.metadata[0].result
  secret_data_wo_version = var.metadata_database.password_version
}

resource "google_sql_user" "metadata" {
  count = var.metadata_database == null ? 0 : 1

  name                = "metadata"
  instance            = google_sql_database_instance.metadata[0].name
  password_wo         = ephemeral.random_password.metadata[0].result
  password_wo_version = var.metadata_database.password_version
}

resource "google_secret_manager_secret_iam_member" "metadata" {
  count = var.metadata_database == null ? 0 : 1

  secret_id = google_secret_manager_secret.metadata[0].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this["runner"].member
}
