variable "project" {
  description = "Id of an existing project with billing."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project's id, 6 to 30 of a-z, 0-9 and -, such as my-project."
  }
}

variable "region" {
  description = "Where everything lies and runs; one that Vertex AI Pipelines offers."
  type        = string
  default     = "europe-west4"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region, not a zone, such as europe-west4."
  }
}

variable "bucket" {
  description = "Name of the new bucket for artifacts, pushed models and state; unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be 3 to 63 of a-z, 0-9, - and _, without dots."
  }
}

variable "labels" {
  description = "Labels of everything that takes them."
  type        = map(string)
  default     = {}
}

variable "artifact_days" {
  description = "Age in days at which artifacts of runs and sources of builds are deleted; null deletes nothing. The cache keeps naming artifacts for as long as nothing changes, so runs after that age need cache=false. Pushed models and state stay."
  type        = number
  default     = null

  validation {
    condition     = var.artifact_days == null ? true : var.artifact_days >= 30
    error_message = "artifact_days must be 30 or more, or null."
  }
}

variable "old_version_days" {
  description = "Days for which overwritten and deleted objects can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.old_version_days >= 1
    error_message = "old_version_days must be 1 or more."
  }
}

variable "images_kept" {
  description = "How many of the newest images of each name are never cleaned up; a roll back needs them."
  type        = number
  default     = 20

  validation {
    condition     = var.images_kept >= 2
    error_message = "images_kept must be 2 or more."
  }
}

variable "cloud_build" {
  description = "Whether kubeflow/cloudbuild.yaml is used: it builds, pushes and submits as the submitter's account."
  type        = bool
  default     = false
}

variable "dataflow" {
  description = "Whether Beam runs on Dataflow (beam.runner: DataflowRunner): an account for its workers, and the right to start jobs."
  type        = bool
  default     = false
}

variable "github" {
  description = "The GitHub repository whose workflows build and submit without keys, by its number; null for none."
  type = object({
    repository_id      = string
    branch             = optional(string, "main")
    build_environment  = optional(string, "images")
    submit_environment = optional(string, "production")
  })
  default = null

  validation {
    condition     = var.github == null ? true : can(regex("^[0-9]+$", var.github.repository_id))
    error_message = "github.repository_id must be a number: gh api repos/OWNER/NAME --jq .id"
  }

  validation {
    condition     = var.github == null ? true : can(regex("^[A-Za-z0-9._/-]+$", var.github.branch))
    error_message = "github.branch must be a name of letters, digits and . _ / -."
  }

  validation {
    condition = var.github == null ? true : alltrue([
      for name in [var.github.build_environment, var.github.submit_environment] : can(regex("^[A-Za-z0-9_-]+$", name))
    ])
    error_message = "github.build_environment and submit_environment must be names of letters, digits, _ and -."
  }

  validation {
    condition     = var.github == null ? true : var.github.build_environment != var.github.submit_environment
    error_message = "github.build_environment and submit_environment must differ, or builds could submit."
  }
}

variable "serving_kubernetes_account" {
  description = "NAMESPACE/NAME of the Kubernetes service account of the model servers on GKE; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.serving_kubernetes_account == null ? true : can(regex("^[a-z0-9-]+/[a-z0-9.-]+$", var.serving_kubernetes_account))
    error_message = "serving_kubernetes_account must be NAMESPACE/NAME."
  }
}

variable "metadata_database" {
  description = "A PostgreSQL server for ML Metadata on a VPC network; null for none (Vertex keeps its own metadata)."
  type = object({
    network          = string
    tier             = optional(string, "db-custom-2-7680")
    highly_available = optional(bool, false)
    # Add one to set a new password.
    password_version = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.metadata_database == null ? true : can(regex("^projects/[^/]+/global/networks/[^/]+$", var.metadata_database.network))
    error_message = "metadata_database.network must be projects/PROJECT/global/networks/NAME."
  }
}
