"""``init --update``: what other data would change."""
