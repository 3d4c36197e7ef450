# `terraform test` in this folder: resources are made up by mocks, so neither an account nor a project is needed.
mock_provider "google" {
  mock_resource "google_storage_bucket" {
    defaults = { url = "gs://my-bucket" }
  }
  mock_resource "google_service_account" {
    defaults = {
      email  = "pipeline@my-project.iam.gserviceaccount.com"
      member = "serviceAccount:pipeline@my-project.iam.gserviceaccount.com"
      name   = "projects/my-project/serviceAccounts/pipeline@my-project.iam.gserviceaccount.com"
    }
  }
  mock_resource "google_iam_workload_identity_pool" {
    defaults = { name = "projects/1/locations/global/workloadIdentityPools/github" }
  }
}

variables {
  project = "my-project"
  bucket  = "my-bucket"
}

run "optional_parts_are_off" {
  assert {
    condition     = length(google_iam_workload_identity_pool.github) + length(google_sql_database_instance.metadata) == 0
    error_message = "a pool or a database without being asked for"
  }
  assert {
    condition     = length([for rule in google_storage_bucket.pipeline.lifecycle_rule : rule if one(rule.condition).with_state == "LIVE"]) == 0
    error_message = "artifacts are deleted without being asked for, and the cache still names them"
  }
  assert {
    condition     = length(google_storage_bucket_iam_member.dataflow) == 0 && !contains(keys(google_project_iam_member.role), "runner roles/dataflow.developer")
    error_message = "rights for Dataflow without being asked for"
  }
  assert {
    condition     = output.github_variables == null && output.metadata_database == null
    error_message = "outputs of parts that are not there"
  }
}

run "profile" {
  assert {
    condition     = yamldecode(output.profile).platform.root == "gs://my-bucket/artifacts"
    error_message = "the root is not in the bucket"
  }
  assert {
    condition     = startswith(yamldecode(output.profile).platform.image, "europe-west4-docker.pkg.dev/my-project/pipelines/tfx-pipeline@sha256:")
    error_message = "the image is not in the repository"
  }
  assert {
    condition     = yamldecode(output.profile).platform.serving == "${google_storage_bucket.pipeline.url}/${trimsuffix(google_storage_managed_folder.serving.name, "/")}"
    error_message = "model servers may read another folder than the one that is pushed to"
  }
}

run "only_artifacts_have_an_age" {
  variables {
    artifact_days = 60
  }

  assert {
    condition     = jsonencode([for rule in google_storage_bucket.pipeline.lifecycle_rule : one(rule.condition).matches_prefix if one(rule.condition).age == 60]) == jsonencode([["artifacts/", "source/"]])
    error_message = "the age must hold for artifacts and sources alone"
  }
}

run "github" {
  variables {
    github = { repository_id = "123456789" }
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github[0].attribute_condition == "assertion.repository_id == '123456789' && assertion.ref == 'refs/heads/main'"
    error_message = "another repository or branch could get a token"
  }
  assert {
    condition     = { for account, grant in google_service_account_iam_member.github : account => basename(grant.member) } == { builder = "images", submitter = "production" }
    error_message = "a job of another environment could get a token"
  }
}

run "builds_do_not_submit" {
  command = plan

  variables {
    github = { repository_id = "123456789", build_environment = "production" }
  }

  expect_failures = [var.github]
}

run "cloud_build" {
  variables {
    cloud_build = true
  }

  assert {
    condition     = contains(keys(google_artifact_registry_repository_iam_member.role), "submitter roles/artifactregistry.writer")
    error_message = "Cloud Build could not push"
  }
  assert {
    condition     = google_storage_managed_folder_iam_member.source[0].managed_folder == "source/"
    error_message = "Cloud Build could not read what gcloud uploads"
  }
}

run "dataflow" {
  variables {
    dataflow = true
  }

  assert {
    condition     = toset([for key in keys(google_project_iam_member.role) : key if strcontains(key, "dataflow")]) == toset(["dataflow roles/dataflow.worker", "runner roles/dataflow.developer"])
    error_message = "tasks could not start jobs, or workers not do them"
  }
  assert {
    condition     = contains(keys(google_artifact_registry_repository_iam_member.role), "dataflow roles/artifactregistry.reader") && length(google_storage_bucket_iam_member.dataflow) == 1
    error_message = "workers could not pull their image or open the artifacts"
  }
  assert {
    condition     = output.dataflow_account == google_service_account.this["dataflow"].email
    error_message = "nobody is told whom the workers act as"
  }
}

run "a_database_has_no_public_address" {
  variables {
    metadata_database = { network = "projects/my-project/global/networks/main" }
  }

  assert {
    condition     = !google_sql_database_instance.metadata[0].settings[0].ip_configuration[0].ipv4_enabled
    error_message = "the database has a public address"
  }
  assert {
    condition     = google_sql_database_instance.metadata[0].settings[0].ip_configuration[0].ssl_mode == "ENCRYPTED_ONLY"
    error_message = "the database takes connections in clear"
  }
  assert {
    condition     = output.metadata_database.user == "metadata"
    error_message = "nobody is told how to reach it"
  }
}

run "wrong_values_are_refused" {
  command = plan

  variables {
    project                    = "My Project"
    region                     = "europe-west4-a"
    bucket                     = "my.bucket"
    artifact_days              = 1
    old_version_days           = 0
    images_kept                = 1
    github                     = { repository_id = "me/pipeline" }
    serving_kubernetes_account = "servers"
    metadata_database          = { network = "main" }
  }

  expect_failures = [
    var.project,
    var.region,
    var.bucket,
    var.artifact_days,
    var.old_version_days,
    var.images_kept,
    var.github,
    var.serving_kubernetes_account,
    var.metadata_database,
  ]
}
