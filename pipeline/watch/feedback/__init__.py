"""Logged requests with their labels as a new span, which the next run reads."""
