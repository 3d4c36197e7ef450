"""``python -m kubeflow.images.cuda_sizes``: records the sizes of the CUDA wheels, packed and installed.

They have several gigabytes, so they are not downloaded: a wheel is a zip file, and its last bytes list its files with
their sizes. The table is beside this file, and a test compares its versions with the lock.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from urllib.parse import urljoin

import requests

from kubeflow.images import locks

TABLE = locks.FOLDER / "cuda_sizes.json"
_TIMEOUT_SECONDS = 60
# A zip file's directory needs about 100 bytes per file; the largest of these wheels has a few thousand files.
_DIRECTORY_BYTES = 4 << 20


def table() -> dict[str, dict[str, str | int]]:
    """The recorded sizes: ``version``, ``wheel`` and ``installed`` (in bytes) by package."""
    return json.loads(TABLE.read_text())


def measure(package: str, pinned: locks.Pinned, *, index: str) -> dict[str, str | int]:
    """The sizes of the Linux wheel of ``package``.

    Args:
        package: name of the package.
        pinned: version and hashes, one of which must be that of the wheel.
        index: base URL of a simple index that speaks JSON.

    Raises:
        LookupError: the index has no such wheel.
    """
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    answer = requests.get(f"{index.rstrip('/')}/{package}/", headers=accept, timeout=_TIMEOUT_SECONDS)
    answer.raise_for_status()
    for file in answer.json()["files"]:
        if file["hashes"].get("sha256") in pinned.hashes and file["filename"].endswith("x86_64.whl"):
            break
    else:
        raise LookupError(f"the index has no x86_64 wheel of {package} {pinned.version} with a hash of the lock.")
    tail = {"Range": f"bytes=-{_DIRECTORY_BYTES}"}
    end = requests.get(urljoin(answer.url, file["url"]), headers=tail, timeout=_TIMEOUT_SECONDS)
    end.raise_for_status()
    wheel = int(end.headers.get("Content-Range", f"/{len(end.content)}").rpartition("/")[2])
    with zipfile.ZipFile(io.BytesIO(end.content)) as directory:
        installed = sum(entry.file_size for entry in directory.infolist())
    return {"version": pinned.version, "wheel": wheel, "installed": installed}


def main() -> None:
    """Measure every CUDA package of the GPU lock."""
    # pip's own default index has no public name, and importing pip spoils setuptools for the whole process.
    from pip._internal.models.index import PyPI

    index = os.environ.get("PIP_INDEX_URL", PyPI.simple_url)
    sizes = {package: measure(package, pinned, index=index) for package, pinned in locks.cuda().items()}
    TABLE.write_text(json.dumps(sizes, indent=2) + "\n")


if __name__ == "__main__":
    main()
