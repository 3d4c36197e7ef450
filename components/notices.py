"""Warnings of a running node, shown on the terminal."""

import logging

# The runner shows its warnings below the node's line.
notices = logging.getLogger(__name__)
