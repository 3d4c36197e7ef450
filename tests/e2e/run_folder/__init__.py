"""Runs that are killed, interrupted or kept from their metadata, and what the next one makes of it."""
