"""Definitions of subscriptions: a home may add its own, and mistakes are named."""

import json
from pathlib import Path
from typing import Any

import pytest
from localcloud.eventgrid.events import STORAGE_ID, TOPIC_ID
from localcloud.eventgrid.subscriptions import InvalidSubscriptionError, load
from localcloud.home import TOPIC, Home, Ports


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path, Ports())


def own(home: Home, *definitions: Any) -> Path:
    file = home.root / "subscriptions.json"
    file.write_text(json.dumps(definitions))
    return file


def test_a_home_may_add_its_own(home: Home) -> None:
    own(
        home,
        {"name": "mine", "topic": TOPIC, "endpointUrl": "http://127.0.0.1:1/"},
        {
            "name": "cloud",
            "endpointUrl": "http://127.0.0.1:1/",
            "eventDeliverySchema": "CloudEventSchemaV1_0",
        },
    )
    added = {each.name: each for each in load(home)[-2:]}
    assert added["mine"].topic == TOPIC_ID
    assert (added["cloud"].topic, added["cloud"].schema) == (STORAGE_ID, "CloudEventSchemaV1_0")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "a/../b"}, "3 to 64 letters"),
        ({"name": "Datasets"}, "two subscriptions"),
        ({"endpointUrl": None}, "one destination"),
        ({"functionName": "f"}, "one destination"),
        ({"endpointUrl": "file:///etc/passwd"}, "must begin with http"),
        ({"topic": "other"}, f"name {TOPIC}"),
        ({"eventDeliverySchema": "CustomInputSchema"}, "not imitated"),
        ({"retryPolicy": {"maxDeliveryAttempts": 31}}, "from 1 to 30"),
        ({"retryPolicy": {"eventTimeToLiveInMinutes": 0}}, "from 1 to 1440"),
        ({"maxEventsPerBatch": 5001}, "from 1 to 5000"),
        ({"preferredBatchSizeInKilobytes": True}, "from 1 to 1024"),
        ({"labels": []}, "does not know labels"),
        ({"filter": {"advancedFilters": [{}]}}, "operatorType None"),
    ],
)
def test_a_mistake_is_named_with_its_file(home: Home, change: dict[str, Any], says: str) -> None:
    file = own(home, {"name": "mine", "endpointUrl": "http://127.0.0.1:1/"} | change)
    with pytest.raises(InvalidSubscriptionError, match=says) as refused:
        load(home)
    assert str(file) in str(refused.value)


def test_a_file_that_is_not_json_is_named(home: Home) -> None:
    (home.root / "subscriptions.json").write_text("[")
    with pytest.raises(InvalidSubscriptionError, match="is not JSON"):
        load(home)
