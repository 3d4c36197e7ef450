"""Rules on the compiled PipelineSpec. Every module with ``RULES`` in this folder is found by itself."""
