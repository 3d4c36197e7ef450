"""A sample of requests and answers, logged by the server and read back for drift checks."""
