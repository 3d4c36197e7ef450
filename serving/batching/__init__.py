"""Dynamic batching: rows of concurrent requests run as one."""
