"""Pipelines that TFX cannot compile: the error says what to write instead."""

from __future__ import annotations

import pytest
from tfx.components.infra_validator.component import InfraValidator
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.experimental.conditionals.conditional import Cond
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.proto import infra_validator_pb2
from tfx.types.channel import Channel
from tfx.types.channel_utils import union
from tfx.types.standard_artifacts import Model

from components.push.champion import LatestPushedModelStrategy
from kubeflow.ir.unsupported import explained
from pipeline.config.loading import ConfigError
from tests.kubeflow.ir.nodes import End, Make, Say, Tell, Use
from tests.kubeflow.ir.test_fixes import both

pytestmark = pytest.mark.tensorflow


def unions():
    first, second = Make(), Make().with_id("Second")
    both(first, second, Use(model=union([first.outputs["model"], second.outputs["model"]])))


def conditions_on_values():
    make = Make()
    with Cond(make.outputs["count"].future()[0].value == 1):
        say = Say(text="x")
    both(make, say)


def runtime_parameters_of_the_exit_handler():
    folder = RuntimeParameter("folder", ptype=str)
    both(Say(text="x"), handler=End(final_status=FinalStatusStr(), folder=folder))


def resolvers():
    both(Resolver(strategy_class=LatestPushedModelStrategy, model=Channel(type=Model)))


def infra_validators():
    make = Make()
    serving = infra_validator_pb2.ServingSpec()
    both(make, InfraValidator(model=make.outputs["model"], serving_spec=serving))


def made_properties():
    make = Make()
    both(make, Say(text=make.outputs["text"].future()[0].value + "x"))


def numbers_with_fractions_as_properties():
    make = Make()
    both(make, Make(rate=make.outputs["ratio"].future()[0].value).with_id("Second"))


def types_without_a_namespace():
    both(Tell())


@pytest.mark.parametrize(
    ("write", "instead"),
    [
        (unions, "its own input"),
        (conditions_on_values, "not their values"),
        (runtime_parameters_of_the_exit_handler, "takes no runtime parameters"),
        (resolvers, "nodes/champion.py"),
        (infra_validators, "components/gates/infra_validator.py"),
        (made_properties, "no expression of it"),
        (numbers_with_fractions_as_properties, "return a text"),
        (types_without_a_namespace, "NAMESPACE.Title"),
    ],
)
def test_the_error_names_the_way_out(write, instead):
    with pytest.raises((TypeError, ValueError, NotImplementedError, RuntimeError)) as stock:
        write()
    with pytest.raises(ConfigError, match=instead) as told, explained():
        write()
    assert " ".join(str(stock.value).split())[:300] in str(told.value)


def test_other_errors_stay_what_they_are():
    with pytest.raises(ValueError, match="something else"), explained():
        raise ValueError("something else")
