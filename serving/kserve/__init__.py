"""KServe's v2 protocol (open inference) for Predict, over gRPC and REST."""
