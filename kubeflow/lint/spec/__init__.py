"""Rules on the compiled PipelineSpec itself."""
