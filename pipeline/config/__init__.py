"""The typed configuration of a pipeline, one module per section of the YAML, and its loading."""
