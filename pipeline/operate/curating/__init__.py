"""What the newest data would change in the curated schema, and the edits of its file."""
