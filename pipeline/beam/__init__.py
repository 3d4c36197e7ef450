"""Where the Beam components run: arguments, job servers, workers, limits."""
