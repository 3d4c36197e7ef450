"""What runs and in which order: the configuration, the DAG, the local runner and the command line."""
