"""The sections of the page: one module each, with ``title(run)`` and ``body(run)``."""
