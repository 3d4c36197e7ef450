"""What the commands read: runs, figures and versions, from ML Metadata and the artifacts, without TFX or TensorFlow."""
