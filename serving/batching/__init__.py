"""Dynamic batching: rows of requests that come at the same time run as one."""
