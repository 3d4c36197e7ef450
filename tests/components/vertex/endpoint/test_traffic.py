"""The next versions: their share of the traffic, and which former ones stay."""

from __future__ import annotations

import pytest

from components.vertex.endpoint.traffic import traffic_split
from tests.components.vertex.endpoint.pushing import FIRST, PARENT, deployed, endpoint_of, push

pytestmark = pytest.mark.tensorflow


def test_the_next_version_joins_the_model_and_takes_its_share(service):
    push()
    push(FIRST + 1, traffic_percent=20)
    uploads = service.requests("models:upload")
    assert uploads[1].body["parentModel"] == f"{PARENT}/models/taxi"
    assert "modelId" not in uploads[1].body
    assert [version["versionId"] for version in service.models[f"{PARENT}/models/taxi"]] == ["1", "2"]
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST): 80, str(FIRST + 1): 20}


@pytest.mark.parametrize(("keep", "left"), [(0, [3]), (1, [2, 3]), (2, [1, 2, 3])])
def test_former_versions_beyond_keep_are_undeployed_the_oldest_first(service, keep, left):
    for number in range(4):
        push(FIRST + number, keep=keep)
    assert deployed(service) == [str(FIRST + number) for number in left]
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST + 3): 100}


def test_a_version_with_traffic_and_another_model_are_never_undeployed(service):
    push()
    stranger = {"id": "7", "model": "projects/1/locations/europe-west4/models/other", "modelVersionId": "1"}
    endpoint_of(service)["deployedModels"].append({**stranger, "createTime": "2020-01-01T00:00:00Z"})
    push(FIRST + 1, traffic_percent=50, keep=0)
    assert deployed(service) == [str(FIRST), "7", str(FIRST + 1)]


@pytest.mark.parametrize(
    ("before", "percent", "after"),
    [
        ({}, 10, {"0": 100}),
        ({"1": 0}, 10, {"0": 100}),
        ({"1": 100}, 100, {"0": 100}),
        ({"1": 100}, 10, {"0": 10, "1": 90}),
        ({"1": 90, "2": 10}, 10, {"0": 10, "1": 90}),
        ({"1": 10, "2": 90, "3": 0}, 20, {"0": 20, "2": 80}),
        ({"9": 50, "10": 50}, 50, {"0": 50, "10": 50}),
    ],
)
def test_the_rest_of_the_traffic_goes_to_the_one_with_the_largest_share(before, percent, after):
    assert traffic_split(before, percent=percent) == after


def test_canaries_do_not_pile_up(service):
    for number in range(6):
        push(FIRST + number, traffic_percent=10)
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST): 90, str(FIRST + 5): 10}
    assert deployed(service) == [str(FIRST), str(FIRST + 4), str(FIRST + 5)]


def test_of_equal_shares_the_last_deployed_gets_the_rest(service):
    push(FIRST + 2)
    push(FIRST + 1, traffic_percent=50)
    endpoint_of(service)["deployedModels"].reverse()
    push(FIRST + 3, traffic_percent=50)
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST + 1): 50, str(FIRST + 3): 50}


def test_traffic_that_somebody_rolled_back_stays_so(service):
    push()
    push(FIRST + 1)
    endpoint_of(service)["trafficSplit"] = {str(FIRST): 100}
    push(FIRST + 1)
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST): 100}
