"""The components with what they get on a platform: properties from JSON, buckets, and empty baselines."""

from pathlib import Path

import pytest
from tfx.components.evaluator import constants
from tfx.types import standard_artifacts

from components.gates import infra_blessing, judged
from components.push.champion_folder import Champion, ChampionData, ChampionEvaluation
from components.push.pusher import Pusher
from components.pushed_model import CHAMPION_VERSION, MODEL_ID_PROPERTY
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
    folder: Path,
    *,
    base: str = BASE,
    champion: str = CHAMPION,
    blessed: bool = True,
    reason: str | None = None,
    **records,
):
    """The Pusher with artifacts from a platform; ``folder`` holds the model, ``records`` are further inputs."""
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
        **records,
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
    assert baseline.get_string_custom_property(CHAMPION_VERSION) == version


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
        assert not yielded.get_string_custom_property(CHAMPION_VERSION)


def test_the_next_run_gets_the_data_and_the_evaluation_of_the_pushed_model(store, tmp_path):
    kinds = {
        "statistics": standard_artifacts.ExampleStatistics,
        "profile": standard_artifacts.ExampleAnomalies,
        "evaluation": standard_artifacts.ModelEvaluation,
    }
    records = {}
    for name, kind in kinds.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        records[name] = on_a_platform(artifact(kind, tmp_path / name))
    version = run_pusher(write_model(tmp_path / "model"), **records).get_string_custom_property("pushed_version")
    for enabled, found in ((1, [b"statistics"]), (0, [])):
        statistics, profile = (
            on_a_platform(artifact(kinds[name], tmp_path / f"{name} {enabled}")) for name in ("statistics", "profile")
        )
        ChampionData.test_call(statistics=statistics, profile=profile, folder=CHAMPION, enabled=enabled)
        assert [*contents(Path(statistics.uri)).values()] == found
        assert len(contents(Path(profile.uri))) == len(found)
        assert statistics.get_string_custom_property(CHAMPION_VERSION) == (version if enabled else "")
    for name, wanted, found in (("baseline", 1, [b"evaluation"]), ("no baseline", 0, [])):
        baseline = run_champion(tmp_path / name, enabled=wanted)
        evaluation = on_a_platform(artifact(standard_artifacts.ModelEvaluation, tmp_path / f"evaluation of {name}"))
        ChampionEvaluation.test_call(model=baseline, evaluation=evaluation, folder=CHAMPION)
        assert [*contents(Path(evaluation.uri)).values()] == found
