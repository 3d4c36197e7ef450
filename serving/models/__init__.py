"""Models and their versions: found, loaded, held, run, unloaded."""
