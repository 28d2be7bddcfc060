"""Definitions of subscriptions: the fields that are read, and errors in them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from localcloud.eventgrid.api import writer
from localcloud.eventgrid.subscriptions import (
    OWN,
    TYPES,
    DeadLetterPlace,
    Subscription,
    check_dead_letters,
    check_function,
    load,
    source,
)
from localcloud.home import Home
from localcloud.identities import object_id_of
from localcloud.inventory import SITE, SYSTEM_TOPIC, TOPIC, Inventory
from localcloud.principals import Principals
from localcloud.store import Store
from localcloud.wire import AzureError

from localcloud_tests.resources import (
    DEAD_LETTERS,
    GROUP_ID,
    SITE_ID,
    STORAGE_ID,
    SYSTEM_TOPIC_ID,
    TOPIC_ID,
    dead_letters,
    function,
    webhook,
)

URL = "http://127.0.0.1:1/"


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    store = Store(tmp_path / "cloud.sqlite")
    yield Inventory(store)
    store.close()


def test_subscriptions_get_the_events_of_their_topic_or_of_its_source(inventory: Inventory) -> None:
    inventory.put(TOPIC, TOPIC_ID, {}, {})
    inventory.put(SYSTEM_TOPIC, SYSTEM_TOPIC_ID, {}, {"source": STORAGE_ID})
    of_topic, of_system_topic = TYPES
    inventory.put(of_topic, f"{TOPIC_ID}/eventSubscriptions/mine", {}, {"destination": webhook(URL)})
    cloudevents = {"destination": webhook(URL), "eventDeliverySchema": "CloudEventSchemaV1_0"}
    inventory.put(of_system_topic, f"{SYSTEM_TOPIC_ID}/eventSubscriptions/cloud", {}, cloudevents)
    mine, cloud = load(inventory)
    assert (mine.name, mine.topic, mine.endpoint_url) == ("mine", TOPIC_ID, URL)
    assert (cloud.topic, cloud.schema) == (STORAGE_ID, "CloudEventSchemaV1_0")
    with pytest.raises(AzureError, match="was not found"):
        source(inventory, f"{TOPIC_ID}-2")


def test_a_function_is_a_destination_by_its_resource_id(inventory: Inventory) -> None:
    properties = {"destination": function("on_blob_created")}
    parsed = Subscription.parse("mine", STORAGE_ID, properties)
    assert (parsed.function_name, parsed.endpoint_url) == ("on_blob_created", None)
    assert (parsed.max_attempts, parsed.ttl, parsed.dead_letters) == (30, 86400, None)
    inventory.put(SITE, SITE_ID, {}, {})
    with pytest.raises(AzureError, match=r"not found.*functions/on_blob_created. Resource should pre-exist"):
        check_function(inventory, "mine", properties)
    listed = {"config": {"bindings": [{"type": "eventGridTrigger"}]}}
    inventory.put(f"{SITE}/functions", f"{SITE_ID}/functions/on_blob_created", {}, listed)
    check_function(inventory, "mine", properties)
    timer = {"config": {"bindings": [{"type": "timerTrigger"}]}}
    inventory.put(f"{SITE}/functions", f"{SITE_ID}/functions/on_blob_created", {}, timer)
    with pytest.raises(AzureError, match="supports EventGrid Trigger type only"):
        check_function(inventory, "mine", properties)


IDENTITY_ID = f"{GROUP_ID}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/events"
BY_IDENTITY = dead_letters(IDENTITY_ID)
PLACE = BY_IDENTITY["deadLetterDestination"]
BY_OWN = BY_IDENTITY | {"identity": {"type": "SystemAssigned"}}


@pytest.mark.parametrize(
    ("key", "identity"),
    [
        ({"deadLetterWithResourceIdentity": BY_IDENTITY}, IDENTITY_ID),
        ({"deadLetterWithResourceIdentity": BY_OWN}, OWN),
    ],
)
def test_dead_letters_go_to_the_container_that_is_named(key: dict[str, Any], identity: str) -> None:
    properties = {"destination": webhook(URL)} | key
    parsed = Subscription.parse("mine", STORAGE_ID, properties, SYSTEM_TOPIC_ID)
    assert parsed.dead_letters == DeadLetterPlace(STORAGE_ID, DEAD_LETTERS, SYSTEM_TOPIC_ID, identity)
    of_topic = Subscription.parse("mine", TOPIC_ID, properties)
    assert of_topic.dead_letters == DeadLetterPlace(STORAGE_ID, DEAD_LETTERS, TOPIC_ID, identity)


def test_dead_letters_need_their_container_and_an_identity_that_the_topic_carries(
    inventory: Inventory,
) -> None:
    properties = {"destination": webhook(URL), "deadLetterWithResourceIdentity": BY_IDENTITY}
    parsed = Subscription.parse("mine", STORAGE_ID, properties, SYSTEM_TOPIC_ID)
    inventory.put(SYSTEM_TOPIC, SYSTEM_TOPIC_ID, {}, {"source": STORAGE_ID})
    inventory.put("Microsoft.Storage/storageAccounts", STORAGE_ID, {}, {})
    with pytest.raises(AzureError, match=r"container '.*' does not exist"):
        check_dead_letters(inventory, parsed)
    container = f"{STORAGE_ID}/blobServices/default/containers/{DEAD_LETTERS}"
    inventory.put("Microsoft.Storage/storageAccounts/blobServices/containers", container, {}, {})
    with pytest.raises(AzureError, match="does not carry the identity"):
        check_dead_letters(inventory, parsed)
    identity = {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY_ID.upper(): {}}}
    inventory.put(SYSTEM_TOPIC, SYSTEM_TOPIC_ID, {"identity": identity}, {"source": STORAGE_ID})
    check_dead_letters(inventory, parsed)


def test_dead_letters_are_written_as_the_identity_that_the_topic_carries(
    inventory: Inventory, tmp_path: Path
) -> None:
    principals = Principals(Home.open(tmp_path / "home"), inventory)
    own = DeadLetterPlace(STORAGE_ID, DEAD_LETTERS, SYSTEM_TOPIC_ID, OWN)
    assigned = replace(own, identity=IDENTITY_ID)
    inventory.put(SYSTEM_TOPIC, SYSTEM_TOPIC_ID, {}, {"source": STORAGE_ID})
    for place in (own, assigned):
        with pytest.raises(AzureError, match="does not carry the identity"):
            writer(inventory, principals, place)
    identity = {
        "type": "SystemAssigned, UserAssigned",
        "userAssignedIdentities": {IDENTITY_ID: {}},
    }
    inventory.put(SYSTEM_TOPIC, SYSTEM_TOPIC_ID, {"identity": identity}, {"source": STORAGE_ID})
    ids = {"principalId": "p", "clientId": "c"}
    inventory.put("Microsoft.ManagedIdentity/userAssignedIdentities", IDENTITY_ID, {}, ids)
    assert writer(inventory, principals, own).object_id == object_id_of(SYSTEM_TOPIC_ID)
    assert writer(inventory, principals, assigned).object_id == "p"


@pytest.mark.parametrize(
    ("name", "change", "status", "says"),
    [
        ("a/../b", {}, 400, "3 to 64 letters"),
        ("mine", {"destination": None}, 400, "needs a destination"),
        ("mine", {"destination": {"endpointType": "WebHook"}}, 400, "needs a destination"),
        ("mine", {"destination": webhook("file:///etc/passwd")}, 400, "must begin with http"),
        ("mine", {"destination": {"endpointType": "EventHub", "properties": {}}}, 501, "EventHub"),
        (
            "mine",
            {"destination": {"endpointType": "AzureFunction", "properties": {}}},
            400,
            "id of a function",
        ),
        ("mine", {"eventDeliverySchema": "CustomInputSchema"}, 501, "does not imitate"),
        ("mine", {"retryPolicy": [1]}, 400, "must be an object"),
        ("mine", {"retryPolicy": {"maxDeliveryAttempts": 31}}, 400, "from 1 to 30"),
        ("mine", {"retryPolicy": {"eventTimeToLiveInMinutes": 0}}, 400, "from 1 to 1440"),
        ("mine", {"destination": webhook(URL, maxEventsPerBatch=5001)}, 400, "from 1 to 5000"),
        ("mine", {"destination": webhook(URL, preferredBatchSizeInKilobytes=True)}, 400, "from 1 to 1024"),
        (
            "mine",
            {"destination": webhook(URL, deliveryAttributeMappings=1)},
            501,
            "deliveryAttributeMappings",
        ),
        ("mine", {"labels": []}, 501, "labels"),
        ("mine", {"filter": {"advancedFilters": [{}]}}, 400, "operatorType None"),
        (
            "mine",
            {"deadLetterWithResourceIdentity": BY_IDENTITY | {"identity": {"type": "UserAssigned"}}},
            400,
            "needs a userAssignedIdentity",
        ),
        (
            "mine",
            {"deadLetterWithResourceIdentity": BY_IDENTITY | {"identity": {}}},
            400,
            "of type UserAssigned or SystemAssigned",
        ),
        (
            "mine",
            {
                "deadLetterWithResourceIdentity": BY_IDENTITY
                | {"deadLetterDestination": PLACE | {"properties": {}}}
            },
            400,
            "blobContainerName",
        ),
        ("mine", {"deadLetterDestination": PLACE}, 501, "dead letters without an identity.*name one of"),
        (
            "mine",
            {"deadLetterDestination": PLACE, "deadLetterWithResourceIdentity": BY_IDENTITY},
            501,
            "dead letters without an identity",
        ),
    ],
)
def test_an_error_names_its_subscription(name: str, change: dict[str, Any], status: int, says: str) -> None:
    with pytest.raises(AzureError, match=says) as refused:
        Subscription.parse(name, STORAGE_ID, {"destination": webhook(URL)} | change)
    assert refused.value.status == status
    assert name in refused.value.message
