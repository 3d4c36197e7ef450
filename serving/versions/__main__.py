"""``python -m serving.versions``."""

import sys

from serving.versions.cli import main

if __name__ == "__main__":
    sys.exit(main())
