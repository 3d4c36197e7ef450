"""From the log, the files with labels and the servers' metrics into the state."""
