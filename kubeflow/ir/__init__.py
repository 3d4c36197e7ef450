"""From the configuration to a compiled pipeline."""
