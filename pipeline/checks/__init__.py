"""What can be known to fail before anything runs: `checks` runs them all."""
