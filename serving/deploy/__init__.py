"""Files that bring a pipeline's models to TF Serving: docker compose, Kubernetes, KServe, Grafana."""
