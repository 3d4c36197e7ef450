"""ExampleGen: files to tf.Examples in TFRecord shards."""
