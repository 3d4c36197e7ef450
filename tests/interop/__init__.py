"""Clients and load generators of others against the embedded server: ``make interop``."""
