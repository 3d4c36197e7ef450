import pytest

from pipeline.checks.checks import check
from pipeline.config import model as model_options
from pipeline.config.loading import ConfigError, load
from pipeline.config.model import check_model, known_models
from trainer.parameters import Model

REGRESSION = [
    "label={column: tips, task: regression, above: null}",
    "gates.evaluation.thresholds=[{metric: mean_absolute_error, max: 2}]",
]
BACKBONE = ["trainer.model={name: backbone, embedding_dim: null, hidden_units: null, dropout: null}"]
NAMED = [
    "label={column: company, task: multiclass, above: null, classes: [cab, taxi]}",
    "features.company=null",
]


def test_the_models_are_the_modules_that_build():
    assert known_models() == ["backbone", "dnn", "lenet", "resnet", "tabm", "wide_and_deep"]


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"name": "wide_and_deep", "embedding_dim": 4, "hidden_units": [8, 4], "dropout": 0},
        {"name": "dnn", "activation": "gelu", "hidden_units": []},
        {"name": "lenet", "filters": [4, 8, 8], "kernel_size": 3},
    ],
)
def test_options_that_fit_pass(model):
    check_model(Model(**model))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"name": "lenett"},
            "trainer.model.name: there is no model 'lenett'; did you mean lenet? known here: backbone, dnn, lenet",
        ),
        (
            {"name": "../x"},
            "trainer.model.name: there is no model '../x'; known here: backbone, dnn, lenet, resnet, tabm, wide",
        ),
        ({"name": "__init__"}, "trainer.model.name: there is no model '__init__'"),
        (
            {"hidden_unit": [4]},
            "trainer.model.hidden_unit: tabm has no such option; did you mean hidden_units? "
            "known here: dropout, embedding_dim, hidden_units, members.",
        ),
        ({"name": "lenet", "features": 1}, "trainer.model.features: lenet has no such option"),
        ({"name": "lenet", "zzz": 1}, "trainer.model.zzz: lenet has no such option; known here: activation, dropout,"),
        ({"hidden_units": [8, 0]}, "trainer.model.hidden_units.1: Input should be greater than 0, got 0."),
        ({"hidden_units": 8}, "trainer.model.hidden_units: Input should be a valid tuple, got 8."),
        ({"dropout": 1}, "trainer.model.dropout: Input should be less than 1, got 1."),
        ({"name": "dnn", "activation": "sine"}, "trainer.model.activation: Input should be 'relu', 'gelu', 'silu' or"),
        ({"name": "lenet", "filters": []}, "trainer.model.filters: Tuple should have at least 1 item"),
    ],
)
def test_what_does_not_fit_names_key_and_fix(model, message):
    with pytest.raises(ConfigError) as error:
        check_model(Model(**model))
    assert message in str(error.value)


@pytest.fixture
def own_model(tmp_path, monkeypatch):
    """Writes a network of the user's own, whose module must not be imported."""

    def write(arguments: str) -> None:
        (tmp_path / "mine.py").write_text(
            f"import this_is_never_imported\ndef build(*, features, units, {arguments}): ...\n"
        )

    monkeypatch.setattr(model_options, "module_file", lambda module: tmp_path / f"{module.rpartition('.')[2]}.py")
    return write


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ("depth: int", {}, "trainer.model.depth: mine needs this option, and it is missing."),
        ("depth: Depth = 1", {"depth": 1}, "the annotation of 'depth' in .*mine.py cannot be read"),
        ("depth: Optional[int] = 3", {"depth": "deep"}, "trainer.model.depth: Input should be a valid integer"),
    ],
)
def test_a_model_of_one_s_own_is_checked_without_importing_it(own_model, arguments, options, message):
    own_model(arguments)
    with pytest.raises(ConfigError, match=message):
        check_model(Model(name="mine", **options))


def test_an_option_without_annotation_takes_anything(own_model):
    own_model("depth=1")
    check_model(Model(name="mine", depth=[{"any": "thing"}]))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["trainer.model.hidden_units=[0]"], r"trainer.model.hidden_units.0: Input should be greater than 0, got 0\."),
        (["trainer.model.name=alexnet"], "trainer.model.name: there is no model 'alexnet'"),
        (BACKBONE, r"trainer.model.weights: backbone needs this option, and it is missing\."),
        ([*BACKBONE, "trainer.model.weights=no.h5"], r"trainer.model.weights: there is no file no\.h5; name"),
        (
            [*BACKBONE, "trainer.model.weights=w", "trainer.model.application=VGG16"],
            "application: Input should be 'Mobile",
        ),
        (["trainer.loop.augmentation.crop=0"], r"trainer.loop.augmentation.crop: .*greater than 0"),
        (["trainer.loop.class_weights={'2': 2}"], r"class_weights.2: there is no such class; the classes are 0, 1\."),
        ([*NAMED, "trainer.loop.class_weights={bus: 2}"], "class_weights.bus: .* the classes are cab, taxi"),
        ([*REGRESSION, "trainer.loop.class_weights={'1': 2}"], "class_weights: a regression label has no classes"),
        ([*REGRESSION, "trainer.loop.label_smoothing=0.1"], "label_smoothing: a regression label has no classes"),
    ],
)
def test_the_whole_configuration_is_checked(taxi_config, overrides, message):
    with pytest.raises(ConfigError, match=message):
        check(load(config=taxi_config, profile="local", overrides=overrides))


def test_class_weights_may_name_every_class(taxi_config):
    check(load(config=taxi_config, profile="local", overrides=["trainer.loop.class_weights={'0': 1, '1': 3.5}"]))
