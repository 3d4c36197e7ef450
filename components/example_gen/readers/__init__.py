"""Readers of files: record batches of clean values, or a refusal with file, row, column and value."""
