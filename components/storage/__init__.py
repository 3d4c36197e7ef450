"""Folders in buckets and volumes."""
