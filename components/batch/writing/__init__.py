"""The output folder: shards of answers in their layout, visible only when complete."""
