"""The commands of ``python -m kubeflow``, one module each."""
