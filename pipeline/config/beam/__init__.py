"""Where the Beam components run: one module per engine, and `engines`, which lists them."""
