"""``python -m kubeflow``."""

import sys

from kubeflow.cli import main

if __name__ == "__main__":
    sys.exit(main())
