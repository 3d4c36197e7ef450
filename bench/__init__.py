"""One script per hot path, each printing JSON lines on stdout; the last one is the headline figure."""
