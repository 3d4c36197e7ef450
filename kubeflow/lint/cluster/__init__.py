"""Rules that hold for Kubeflow Pipelines on a cluster alone."""
