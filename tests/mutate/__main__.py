"""``python -m tests.mutate [WORD]``: plant each mutation, or those whose name contains WORD, and run its tests.

Works in copies of the tree, two at a time. Exit code 1 where a mutation survives: its tests passed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutate.mutation import Mutation
from tests.mutate.mutations import MUTATIONS

ROOT = Path(__file__).resolve().parents[2]
_PARALLEL = 2
# pytest's exit code where a test failed; others mean that nothing was tested.
_CAUGHT = 1


def main() -> int:
    """Print one line per mutation, and return 1 if any survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__.splitlines()[0])
    parser.add_argument("word", nargs="?", default="", metavar="WORD")
    word = parser.parse_args().word
    chosen = [mutation for mutation in MUTATIONS if word in mutation.name]
    with ThreadPoolExecutor(_PARALLEL) as pool:
        survived = [mutation for mutation, caught in zip(chosen, pool.map(_try, chosen), strict=True) if not caught]
    print(f"{len(chosen) - len(survived)} of {len(chosen)} mutations were caught")
    return 1 if survived or not chosen else 0


def _try(mutation: Mutation) -> bool:
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        tree = copy_tree(Path(folder) / "tree")
        path = tree / mutation.file
        path.write_text(mutation.plant(path.read_text()))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    caught = done.returncode == _CAUGHT
    state = "caught" if caught else f"SURVIVED (pytest: {done.returncode})"
    print(f"{state:<10}{time.monotonic() - start:6.0f} s  {mutation.name}", flush=True)
    if not caught:
        print("\n".join(done.stdout.splitlines()[-15:]), file=sys.stderr, flush=True)
    return caught


def copy_tree(target: Path) -> Path:
    """A copy of every file that git would commit, below ``target``."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target


if __name__ == "__main__":
    sys.exit(main())
