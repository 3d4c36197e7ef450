"""A new model starts from the weights of an earlier one, even if words have new ids."""

from types import SimpleNamespace

import numpy as np
import pytest
from tfx.components.trainer.fn_args_utils import FnArgs

from trainer.features.transformed import Ids, TransformedFeatures
from trainer.loop.warm_start import Meanings, transfer
from trainer.models import dnn, wide_and_deep
from trainer.parameters import KERAS_FOLDER
from trainer.run_fn import base_model

pytestmark = pytest.mark.tensorflow

# Five codes, the ids of missing and unseen kinds, and the words.
FIXED = [*(("hour", "codes", str(code)) for code in range(5)), ("kind", "words", "0"), ("kind", "words", "1")]
OLD = Meanings({"ids": [*FIXED, *(("kind", "words", f"={word}") for word in ("cash", "card"))]})
NEW = Meanings({"ids": [*FIXED, *(("kind", "words", f"={word}") for word in ("card", "crypto", "cash"))]})


def features(meanings: Meanings) -> TransformedFeatures:
    return TransformedFeatures(numbers={"numbers": 1}, ids={"ids": Ids(width=2, size=len(meanings.rows["ids"]))})


@pytest.mark.parametrize("module", [wide_and_deep, dnn])
def test_weights_move_with_their_words(tmp_path, module):
    earlier = module.build(features=features(OLD), units=1, embedding_dim=3, hidden_units=(4,))
    for variable in earlier.trainable_variables:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    earlier.save(tmp_path / "model.keras")
    model = module.build(features=features(NEW), units=1, embedding_dim=3, hidden_units=(4,))
    fresh = {variable.path: variable.numpy() for variable in model.variables}
    taken, count = transfer(model, keras_file=str(tmp_path / "model.keras"), old=OLD, new=NEW)
    assert 0 < taken <= count

    def ask(network, hour, kind):
        rows = {"numbers": [[0.5]], "ids": [[hour, 5 + kind]]}
        return float(network({name: np.array(value) for name, value in rows.items()})[0, 0])

    for hour in range(5):
        for old_id, new_id in ((0, 0), (1, 1), (2, 4), (3, 2)):
            assert ask(model, hour, new_id) == pytest.approx(ask(earlier, hour, old_id), abs=1e-6)
    [table] = [variable for variable in model.trainable_variables if "table" in variable.path]
    new_word = len(FIXED) + 1
    np.testing.assert_array_equal(table.numpy()[new_word], fresh[table.path][new_word])


def test_layers_of_another_shape_start_afresh(tmp_path):
    earlier = wide_and_deep.build(features=features(OLD), units=1, embedding_dim=3, hidden_units=(4,))
    earlier.save(tmp_path / "model.keras")
    model = wide_and_deep.build(features=features(OLD), units=1, embedding_dim=2, hidden_units=(4,))
    before = [variable.numpy() for variable in model.trainable_variables]
    taken, count = transfer(model, keras_file=str(tmp_path / "model.keras"), old=OLD, new=OLD)
    assert 0 < taken < count
    for variable, value in zip(model.trainable_variables, before, strict=True):
        if "table" in variable.path or "hidden_0/kernel" in variable.path:
            np.testing.assert_array_equal(variable.numpy(), value)


def test_meanings_survive_a_file(tmp_path):
    path = str(tmp_path / "ids.json")
    NEW.write(path)
    again = Meanings.read(path)
    assert [tuple(row) for row in again.rows["ids"]] == list(NEW.rows["ids"])


@pytest.mark.parametrize("folder", [None, "not-there", "empty"])
def test_where_no_model_was_pushed_there_is_none_to_start_from(tmp_path, caplog, folder):
    (tmp_path / "empty").mkdir()
    given = folder and str(tmp_path / folder / "Format-Serving")
    warm = SimpleNamespace(loop=SimpleNamespace(warm_start=True))
    assert base_model(FnArgs(base_model=given), warm) is None
    assert "warm_start has no effect" in caplog.text


def test_a_model_that_was_pushed_is_started_from(tmp_path):
    for name in ("Format-Serving", KERAS_FOLDER):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    given = FnArgs(base_model=str(tmp_path / "Format-Serving"))
    assert base_model(given, SimpleNamespace(loop=SimpleNamespace(warm_start=True))) == str(tmp_path / KERAS_FOLDER)
    assert base_model(given, SimpleNamespace(loop=SimpleNamespace(warm_start=False))) is None
