"""The components with what they get on a platform: properties from JSON, buckets, and empty baselines."""

from pathlib import Path

import pytest
from tfx.components.evaluator import constants
from tfx.types import standard_artifacts

from components.gates import infra_blessing, judged
from components.push.champion_folder import VERSION_PROPERTY, Champion
from components.push.pusher import Pusher
from components.pushed_model import MODEL_ID_PROPERTY
from components.refusal import GateRefused
from components.storage.files import files_below
from serving.inference.warmup import WARMUP_FILE
from tests.components.platform_artifacts import on_a_platform
from tests.components.push.pushes import below, write_model
from tests.shared.services.buckets import BUCKET, emulator
from tests.shared.stand_ins import artifact

pytestmark = pytest.mark.tensorflow

BASE, CHAMPION = f"gs://{BUCKET}/serving/taxi", f"gs://{BUCKET}/state/taxi/champion"


@pytest.fixture
def store(monkeypatch):
    with emulator(monkeypatch) as store:
        yield store


def contents(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files_below(folder).items()}


def run_pusher(
    folder: Path, *, base: str = BASE, champion: str = CHAMPION, blessed: bool = True, reason: str | None = None
):
    """The Pusher with artifacts from a platform; ``folder`` holds the model."""
    model_blessing = standard_artifacts.ModelBlessing()
    model_blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(blessed))
    infra = artifact(standard_artifacts.InfraBlessing, folder.parent / f"{folder.name}-infra")
    infra_blessing.write(infra, model_id=1, reason=reason)
    model = artifact(standard_artifacts.Model, folder)
    for blessing in (model_blessing, infra):
        judged.record(blessing, model=model)
    (Path(infra.uri) / WARMUP_FILE).parent.mkdir(exist_ok=True)
    (Path(infra.uri) / WARMUP_FILE).write_bytes(b"requests")
    pushed = standard_artifacts.PushedModel()
    Pusher.test_call(
        model=on_a_platform(model),
        model_blessing=on_a_platform(model_blessing),
        infra_blessing=on_a_platform(infra),
        pushed_model=pushed,
        base_directory=base,
        champion=champion,
    )
    return on_a_platform(pushed)


def run_champion(folder: Path, *, enabled: int = 1, champion: str = CHAMPION):
    model = on_a_platform(artifact(standard_artifacts.Model, folder))
    Champion.test_call(model=model, folder=champion, enabled=enabled)
    return on_a_platform(model)


def test_a_blessed_model_is_pushed_to_the_bucket_and_is_the_next_run_s_baseline(store, tmp_path):
    model = write_model(tmp_path / "model")
    pushed = run_pusher(model)
    version = pushed.get_string_custom_property("pushed_version")
    assert pushed.get_string_custom_property("pushed_destination") == f"{BASE}/{version}"
    assert pushed.get_int_custom_property("pushed") == pushed.get_int_custom_property("newly_pushed") == 1
    assert pushed.get_int_custom_property(MODEL_ID_PROPERTY) > 0
    served = {f"serving/taxi/{version}/{name}": data for name, data in contents(model / "Format-Serving").items()}
    assert below(store.contents(), "serving/") == served | {f"serving/taxi/{version}/{WARMUP_FILE}": b"requests"}
    baseline = run_champion(tmp_path / "output")
    assert contents(tmp_path / "output") == contents(model)
    assert baseline.get_string_custom_property(VERSION_PROPERTY) == version


def test_the_same_model_again_is_not_pushed_but_its_lost_champion_is_made_again(store, tmp_path):
    model = write_model(tmp_path / "model")
    version = run_pusher(model, champion="").get_string_custom_property("pushed_version")
    assert not below(store.contents(), "state/")
    again = run_pusher(model)
    assert again.get_int_custom_property("newly_pushed") == 0
    assert again.get_string_custom_property("pushed_version") == version
    run_champion(tmp_path / "output")
    assert contents(tmp_path / "output") == contents(model)


@pytest.mark.parametrize(
    ("blessed", "reason", "text"), [(False, None, "Evaluator did not bless"), (True, "it crashes", "it crashes")]
)
def test_a_model_that_is_refused_leaves_bucket_and_champion_byte_for_byte(store, tmp_path, blessed, reason, text):
    run_pusher(write_model(tmp_path / "good"))
    before = store.contents(), {name: about["generation"] for name, about in store.objects[BUCKET].items()}
    with pytest.raises(GateRefused, match=text):
        run_pusher(write_model(tmp_path / "bad", seed=1), blessed=blessed, reason=reason)
    assert (store.contents(), {name: about["generation"] for name, about in store.objects[BUCKET].items()}) == before


def test_a_volume_serves_as_well(tmp_path):
    model, base, champion = write_model(tmp_path / "model"), tmp_path / "serving", tmp_path / "champion"
    pushed = run_pusher(model, base=str(base), champion=str(champion))
    version = pushed.get_string_custom_property("pushed_version")
    assert pushed.get_string_custom_property("pushed_destination") == str(base / version)
    before = contents(tmp_path)
    with pytest.raises(GateRefused):
        run_pusher(model, base=str(base), champion=str(champion), blessed=False)
    assert contents(tmp_path) == before
    run_champion(tmp_path / "output", champion=str(champion))
    assert contents(tmp_path / "output") == contents(model)


def test_without_a_champion_or_where_none_is_wanted_the_output_is_empty(store, tmp_path):
    first = run_champion(tmp_path / "first")
    run_pusher(write_model(tmp_path / "model"))
    unwanted = run_champion(tmp_path / "unwanted", enabled=0)
    for yielded in (first, unwanted):
        assert Path(yielded.uri).is_dir()
        assert not contents(Path(yielded.uri))
        assert not yielded.get_string_custom_property(VERSION_PROPERTY)
