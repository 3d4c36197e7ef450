"""Training as a TFJob of the Kubeflow Training Operator."""
