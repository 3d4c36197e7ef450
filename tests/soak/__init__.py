"""The server under load for long."""
