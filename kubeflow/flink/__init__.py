"""A Flink session cluster with Beam's workers on Kubernetes, as the Flink operator takes it."""
