import fcntl
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tfx.components.evaluator import constants
from tfx.types import standard_artifacts

from components.gates import infra_blessing, judged
from components.gates.judged import model_digest
from components.push.pusher import Pusher, push
from components.refusal import GateRefused
from components.storage.shared_folders import LOCK
from serving.inference.warmup import WARMUP_FILE
from serving.versions.version_folders import find
from tests.shared.folder_digest import digest

pytestmark = pytest.mark.tensorflow


def write_model(folder: Path, *, files: int = 3, size: int = 10, seed: int = 0) -> Path:
    """A folder of the shape of a SavedModel."""
    generator = random.Random(seed)
    (folder / "variables").mkdir(parents=True)
    for index in range(files):
        (folder / "variables" / f"part-{index}").write_bytes(generator.randbytes(size))
    (folder / "saved_model.pb").write_bytes(generator.randbytes(size))
    return folder


@pytest.fixture
def model(tmp_path) -> Path:
    return write_model(tmp_path / "model")


def test_push_copies_everything_and_leaves_no_stage(model, tmp_path):
    base = tmp_path / "serving" / "taxi"
    version, new = push(source=model, base_directory=str(base))
    assert new
    assert {path.name for path in base.iterdir()} == {LOCK, str(version)}
    assert digest(base / str(version)) == digest(model)


def test_versions_rise_even_within_a_second_and_after_a_clock_that_went_back(tmp_path):
    base = tmp_path / "serving"
    pushed = [
        push(source=write_model(tmp_path / f"model-{seed}", seed=seed), base_directory=str(base))[0]
        for seed in range(3)
    ]
    assert pushed == sorted(set(pushed))
    (base / "9999999999").mkdir()
    assert push(source=tmp_path / "model-0", base_directory=str(base)) == (10_000_000_000, True)


def test_the_same_model_is_not_pushed_twice(model, tmp_path):
    base = tmp_path / "serving"
    version, _ = push(source=model, base_directory=str(base))
    assert push(source=model, base_directory=str(base)) == (version, False)
    (base / str(version) / "saved_model.pb").write_bytes(b"damaged")
    repaired, new = push(source=model, base_directory=str(base))
    assert (new, repaired > version) == (True, True)


def test_the_warm_up_file_is_pushed_with_the_model_and_makes_no_other_model_of_it(model, tmp_path):
    base, warmup = tmp_path / "serving", tmp_path / "requests"
    warmup.write_bytes(b"requests")
    version, new = push(source=model, base_directory=str(base), warmup=warmup)
    assert new
    assert (base / str(version) / WARMUP_FILE).read_bytes() == b"requests"
    assert model_digest(base / str(version)) == model_digest(model)
    warmup.write_bytes(b"other requests")
    assert push(source=model, base_directory=str(base), warmup=warmup) == (version, False)
    assert push(source=model, base_directory=str(base)) == (version, False)
    assert (base / str(version) / WARMUP_FILE).read_bytes() == b"requests"


def test_a_warm_up_file_of_the_models_own_is_kept(model, tmp_path):
    warmup, own = tmp_path / "requests", model / WARMUP_FILE
    warmup.write_bytes(b"requests")
    own.parent.mkdir()
    own.write_bytes(b"its own")
    version, _ = push(source=model, base_directory=str(tmp_path / "serving"), warmup=warmup)
    assert (tmp_path / "serving" / str(version) / WARMUP_FILE).read_bytes() == b"its own"


def test_what_a_killed_push_left_is_swept(model, tmp_path):
    base = tmp_path / "serving"
    (base / ".stage-dead").mkdir(parents=True)
    version, _ = push(source=model, base_directory=str(base))
    assert {path.name for path in base.iterdir()} == {LOCK, str(version)}


def test_a_push_holds_the_lock_on_a_file_which_nfs_passes_on(model, tmp_path):
    base = tmp_path / "serving"

    def another(version, check):
        with (base / LOCK).open("r+b") as stream, pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)

    push(source=model, base_directory=str(base), then=another)
    before = digest(base)
    (base / LOCK).unlink()
    assert digest(base) == before


def test_pushes_at_once_get_versions_of_their_own(tmp_path):
    base = tmp_path / "serving"
    sources = [write_model(tmp_path / f"model-{seed}", seed=seed) for seed in range(6)]
    threads = [
        threading.Thread(target=push, kwargs={"source": source, "base_directory": str(base)}) for source in sources
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {digest(base / str(version)) for version in find(base)} == {digest(source) for source in sources}


@pytest.mark.slow
def test_sigkill_at_any_moment_leaves_whole_versions_only(tmp_path):
    base = tmp_path / "serving"
    good = write_model(tmp_path / "good")
    first, _ = push(source=good, base_directory=str(base))
    whole = {digest(good)}
    generator = random.Random(0)
    interrupted = 0
    for attempt in range(4):
        # Another one each time: a model that was pushed whole would not be pushed again.
        large = write_model(tmp_path / f"large{attempt}", files=300, size=20_000, seed=attempt + 1)
        whole.add(digest(large))
        # The module itself is loaded from its file, since importing the package would take seconds per try.
        code = (
            "import sys; from pathlib import Path; from components.push.pusher import push; "
            "print('ready', flush=True); "
            f"sys.stdin.readline(); push(source=Path({str(large)!r}), base_directory={str(base)!r})"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout.readline() == b"ready\n"
        process.stdin.write(b"go\n")
        process.stdin.flush()
        while not list(base.glob(".stage-*")) and process.poll() is None:
            time.sleep(0.0005)
        time.sleep(generator.uniform(0, 0.1))
        process.kill()
        process.communicate()
        interrupted += process.returncode == -signal.SIGKILL
        assert all(digest(base / str(version)) in whole for version in find(base))
        assert digest(base / str(first)) == digest(good)
    assert interrupted


def call(tmp_path, model, *, model_blessed: bool = True, reason: str | None = None, warmup: bytes = b"", then=None):
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "trained")
    target = tmp_path / "trained" / "Format-Serving"
    if not target.exists():
        target.parent.mkdir()
        model.rename(target)
    model_blessing = standard_artifacts.ModelBlessing()
    model_blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(model_blessed))
    infra = standard_artifacts.InfraBlessing()
    infra.uri = str(tmp_path / "infra")
    infra_blessing.write(infra, model_id=1, reason=reason)
    for blessing in (model_blessing, infra):
        judged.record(blessing, model=artifact)
    if then:
        then(target)
    if warmup:
        (tmp_path / "infra" / WARMUP_FILE).parent.mkdir()
        (tmp_path / "infra" / WARMUP_FILE).write_bytes(warmup)
    pushed = standard_artifacts.PushedModel()
    Pusher.test_call(
        model=artifact,
        model_blessing=model_blessing,
        infra_blessing=infra,
        pushed_model=pushed,
        base_directory=str(tmp_path / "serving"),
    )
    return pushed


def test_a_blessed_model_is_pushed_and_marked(model, tmp_path):
    pushed = call(tmp_path, model, model_blessed=True, reason=None)
    [version] = find(tmp_path / "serving")
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == str(version)
    assert pushed.get_string_custom_property("pushed_destination") == str(tmp_path / "serving" / str(version))


def _a_vocabulary_reversed(export: Path) -> None:
    file = export / "variables" / "part-0"
    file.write_bytes(file.read_bytes()[::-1])


def _a_file_more(export: Path) -> None:
    (export / "assets").mkdir()
    (export / "assets" / "words").write_bytes(b"taxi")


@pytest.mark.parametrize("damage", [_a_vocabulary_reversed, _a_file_more])
def test_an_export_that_changed_after_its_blessings_is_refused(model, tmp_path, damage):
    call(tmp_path, write_model(tmp_path / "earlier", seed=1))
    shutil.rmtree(tmp_path / "trained")
    shutil.rmtree(tmp_path / "infra")
    before = digest(tmp_path / "serving")
    with pytest.raises(GateRefused, match="the export is not what the gates judged"):
        call(tmp_path, model, then=damage)
    assert digest(tmp_path / "serving") == before


def test_the_infra_validators_warm_up_file_is_pushed(model, tmp_path):
    call(tmp_path, model, model_blessed=True, reason=None, warmup=b"requests")
    [version] = find(tmp_path / "serving")
    assert (tmp_path / "serving" / str(version) / WARMUP_FILE).read_bytes() == b"requests"


@pytest.mark.parametrize(
    ("model_blessed", "reason", "text"),
    [
        (False, None, "the Evaluator did not bless"),
        (True, "it crashes", "it crashes"),
        (False, "it crashes", "Evaluator"),
    ],
)
def test_without_both_blessings_nothing_is_pushed(model, tmp_path, model_blessed, reason, text):
    with pytest.raises(GateRefused, match=text):
        call(tmp_path, model, model_blessed=model_blessed, reason=reason)
    assert not (tmp_path / "serving").exists()


@pytest.mark.parametrize("reason", [None, "no"])
def test_the_stock_pusher_understands_our_infra_blessing(tmp_path, reason):
    from tfx.components.util import model_utils

    artifact = standard_artifacts.InfraBlessing()
    artifact.uri = str(tmp_path)
    infra_blessing.write(artifact, model_id=1, reason=reason)
    assert model_utils.is_infra_validated(artifact) is (reason is None)
