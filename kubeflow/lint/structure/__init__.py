"""Rules on the structure of a PipelineSpec, which all other rules rely on."""
