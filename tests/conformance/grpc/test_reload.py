"""HandleReloadConfigRequest (model_servers/server_core_test.cc, testModelConfigReload of the Python suite)."""

from __future__ import annotations

import pytest
from grpc import StatusCode
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.config import model_server_config_pb2

from tests.conformance.calls import SECONDS, refused, spec
from tests.conformance.models import BAD, HALF_PLUS_THREE, HALF_PLUS_TWO, SPARE, VERSIONED
from tests.conformance.reloading import State, add, ask, entry, eventually, gone, states

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.changes_server,
    pytest.mark.source("model_servers/server_core_test.cc"),
]


def test_the_same_config_changes_nothing(prediction, reload):
    reload(reload.original())
    assert ask(prediction, spec(HALF_PLUS_TWO)) == [3.0]


@pytest.mark.source("model_servers/server_core_test.cc", "model_servers/tensorflow_model_server_test.py")
def test_a_new_model_is_there_when_the_call_returns(prediction, management, reload):
    new = reload.original()
    add(new, SPARE, reload.folder)
    reload(new)
    assert ask(prediction, spec(SPARE)) == [6.0]
    assert states(management, SPARE) == {1: State.AVAILABLE}
    reload(reload.original())
    eventually(lambda: gone(prediction, SPARE))


def test_models_that_are_left_out_are_unloaded_and_come_back(prediction, reload):
    nothing = model_server_config_pb2.ModelServerConfig(model_config_list=model_server_config_pb2.ModelConfigList())
    reload(nothing)
    eventually(lambda: gone(prediction, HALF_PLUS_TWO) and gone(prediction, HALF_PLUS_THREE))
    plain = reload.original()
    entry(plain, VERSIONED).ClearField("version_labels")
    reload(plain)
    assert (ask(prediction, spec(HALF_PLUS_TWO)), ask(prediction, spec(HALF_PLUS_THREE))) == ([3.0], [4.0])


@pytest.mark.source("model_servers/server_core_test.cc", "model_servers/tensorflow_model_server_test.py")
def test_another_base_path(prediction, reload):
    new = reload.original()
    entry(new, HALF_PLUS_TWO).base_path = f"{reload.folder}/{SPARE}"
    reload(new)
    eventually(lambda: ask(prediction, spec(HALF_PLUS_TWO)) == [6.0])
    reload(reload.original())
    eventually(lambda: ask(prediction, spec(HALF_PLUS_TWO)) == [3.0])


def test_another_policy(prediction, management, reload):
    new = reload.original()
    versioned = entry(new, VERSIONED)
    versioned.ClearField("version_labels")
    versioned.model_version_policy.specific.versions.append(1)
    reload(new)
    eventually(lambda: states(management, VERSIONED) == {1: State.AVAILABLE, 2: State.END, 3: State.END})
    assert ask(prediction, spec(VERSIONED)) == [3.0]
    with refused(StatusCode.NOT_FOUND, f"Servable not found for request: Specific({VERSIONED}, 2)"):
        ask(prediction, spec(VERSIONED, version=2))


def test_the_deprecated_model_type(prediction, reload):
    new = reload.original()
    new.model_config_list.config.add(
        name=SPARE, base_path=f"{reload.folder}/{SPARE}", model_type=model_server_config_pb2.TENSORFLOW
    )
    reload(new)
    assert ask(prediction, spec(SPARE)) == [6.0]


def test_a_label_moves(prediction, reload):
    new = reload.original()
    labels = entry(new, VERSIONED).version_labels
    labels["stable"], labels["canary"] = 2, 3
    reload(new)
    assert ask(prediction, spec(VERSIONED, label="stable")) == [4.0]
    assert ask(prediction, spec(VERSIONED, label="canary")) == [5.0]


def test_a_label_is_removed(prediction, reload):
    new = reload.original()
    del entry(new, VERSIONED).version_labels["canary"]
    reload(new)
    assert ask(prediction, spec(VERSIONED, label="stable")) == [3.0]
    with refused(StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: canary"):
        ask(prediction, spec(VERSIONED, label="canary"))


def test_a_label_may_not_move_to_a_version_that_is_not_there(prediction, reload):
    new = reload.original()
    entry(new, VERSIONED).version_labels["stable"] = 777
    text = (
        f"Request to assign label to version 777 of model {VERSIONED}, which is not currently available for inference"
    )
    with refused(StatusCode.FAILED_PRECONDITION, text):
        reload(new)
    assert ask(prediction, spec(VERSIONED, label="stable")) == [3.0]


def test_a_new_label_may_point_to_a_version_that_is_not_there(prediction, reload):
    """--allow_version_labels_for_unavailable_models, which the server is started with."""
    new = reload.original()
    entry(new, VERSIONED).version_labels["preview"] = 777
    reload(new)
    with refused(StatusCode.NOT_FOUND, f"Servable not found for request: Specific({VERSIONED}, 777)"):
        ask(prediction, spec(VERSIONED, label="preview"))
    assert ask(prediction, spec(VERSIONED, label="stable")) == [3.0]


def _no_list(new, folder):
    new.Clear()


def _custom(new, folder):
    new.custom_model_config.SetInParent()


def _twice(new, folder):
    add(new, HALF_PLUS_TWO, folder)


def _relative(new, folder):
    add(new, SPARE, "models")


def _other_platform(new, folder):
    entry(new, HALF_PLUS_TWO).model_platform = "other"


def _unknown_platform(new, folder):
    add(new, SPARE, folder).model_platform = "other"


def _no_platform(new, folder):
    entry(new, HALF_PLUS_TWO).ClearField("model_platform")


def _type_and_platform(new, folder):
    entry(new, HALF_PLUS_TWO).model_type = model_server_config_pb2.TENSORFLOW


_ONLY_LISTS = (
    "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (_no_list, _ONLY_LISTS),
        (_custom, _ONLY_LISTS),
        (_twice, "Illegal to list model half_plus_two multiple times in config list"),
        (_relative, "Expected model spare to have an absolute path or URI; got base_path()=models/spare"),
        (
            _other_platform,
            "Illegal to change a model's platform. For model half_plus_two platform was tensorflow and new platform "
            "requested is other",
        ),
        (_unknown_platform, "Model spare requests unsupported platform other"),
        (
            _no_platform,
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform.",
        ),
        (
            _type_and_platform,
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform.",
        ),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_refused_configs_change_nothing(prediction, reload, change, text):
    new = reload.original()
    change(new, reload.folder)
    with refused(StatusCode.INVALID_ARGUMENT, text):
        reload(new)
    assert ask(prediction, spec(HALF_PLUS_TWO)) == [3.0]
    assert ask(prediction, spec(VERSIONED, label="stable")) == [3.0]


def test_a_model_that_does_not_load(prediction, management, reload):
    """The call and the status report it, and the other models stay served."""
    new = reload.original()
    add(new, BAD, reload.folder)
    with refused(
        StatusCode.UNKNOWN, begins=f"1 model(s) did not become available: {{{{{{name: {BAD} version: 1}} due to error: "
    ):
        reload(new)
    request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec(BAD))
    (status,) = management.GetModelStatus(request, SECONDS).model_version_status
    assert (status.version, status.state) == (1, State.END)
    assert status.status.error_code != 0
    assert status.status.error_message
    with refused(StatusCode.NOT_FOUND, f"Servable not found for request: Latest({BAD})"):
        ask(prediction, spec(BAD))
    assert ask(prediction, spec(HALF_PLUS_TWO)) == [3.0]
