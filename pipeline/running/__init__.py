"""A run on this machine: the runner, its terminal output, interrupts, locks and the run folder."""
