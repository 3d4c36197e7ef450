"""What a pod of a test runs: says its first argument, and stays (``stay``) or ends with the second as its code."""

import sys
import time

if __name__ == "__main__":
    print(sys.argv[1], flush=True)
    if sys.argv[2] == "stay":
        time.sleep(600)
    sys.exit(int(sys.argv[2]))
