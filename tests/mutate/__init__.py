"""Breaks the product in one place at a time, and runs the tests that have to notice: ``python -m tests.mutate``."""
