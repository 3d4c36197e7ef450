"""Where the pipeline runs when it is not this machine: one module per platform, and `platforms`, which lists them.

The options of ``python -m kubeflow``, under the key ``platform`` of a profile. They are validated without TFX: a wrong
option is found before anything is imported.
"""
