"""What a node has to tell the person at the terminal while the run goes on."""

import logging

# The runner shows its warnings below the node's line.
notices = logging.getLogger(__name__)
