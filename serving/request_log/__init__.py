"""A sample of what was asked and answered, written beside the requests and read back for drift checks."""
