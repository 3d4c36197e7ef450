"""The embedded model server: TF Serving's gRPC and REST APIs over the same files."""
