"""Submission of a compiled pipeline to its platform."""
