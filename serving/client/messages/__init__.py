"""TF Serving's messages without TensorFlow: plain values to protobufs and back."""
