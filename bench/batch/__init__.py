"""Batch inference against the client over gRPC, and against TFX's BulkInferrer."""
