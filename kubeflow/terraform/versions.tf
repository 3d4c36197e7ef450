terraform {
  # Write-only arguments, which keep the database's password out of the state, came with 1.11.
  required_version = "~> 1.11"

  # terraform init -backend-config=bucket=NAME
  backend "gcs" {
    prefix = "pipeline"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}
