"""The resources that Resource Manager keeps."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from localcloud.inventory import BATCH_ACCOUNT, GROUP, POOL, TOPIC, Inventory
from localcloud.store import Store
from localcloud.wire import AzureError

from localcloud_tests.resources import BATCH_ID, GROUP_ID, TOPIC_ID


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "cloud.sqlite")
    yield store
    store.close()


def test_a_resource_is_found_in_any_case_and_keeps_its_first_spelling(store: Store) -> None:
    inventory = Inventory(store)
    _, created = inventory.put(TOPIC, TOPIC_ID, {"location": "here", "tags": {"a": "b"}}, {"one": 1})
    assert created
    again, created = inventory.put(TOPIC, TOPIC_ID.upper(), {"location": "there"}, {"two": 2})
    assert not created
    assert again == {
        "id": TOPIC_ID,
        "name": "news",
        "type": TOPIC,
        "location": "there",
        "properties": {"two": 2},
    }
    assert inventory.get(TOPIC_ID.lower()) == again


def test_resources_outlive_the_process(store: Store) -> None:
    Inventory(store).put(GROUP, GROUP_ID, {}, {})
    assert Inventory(store).group == "lab"


def test_deleting_takes_what_is_below_along_and_nothing_else(store: Store) -> None:
    inventory = Inventory(store)
    inventory.put(BATCH_ACCOUNT, BATCH_ID, {}, {})
    inventory.put(POOL, f"{BATCH_ID}/pools/workers", {}, {})
    inventory.put(BATCH_ACCOUNT, f"{BATCH_ID}2", {}, {})
    assert inventory.delete(BATCH_ID.upper())
    assert not inventory.delete(BATCH_ID)
    assert [each["name"] for each in inventory.all(BATCH_ACCOUNT)] == ["batches2"]
    assert inventory.all(POOL) == []
    assert Inventory(store).get(BATCH_ID) is None


def test_of_some_types_there_is_one(store: Store) -> None:
    inventory = Inventory(store)
    inventory.refuse_another(BATCH_ACCOUNT, BATCH_ID)
    inventory.put(BATCH_ACCOUNT, BATCH_ID, {}, {})
    inventory.refuse_another(BATCH_ACCOUNT, BATCH_ID.upper())
    with pytest.raises(AzureError, match="second resource of the type") as refused:
        inventory.refuse_another(BATCH_ACCOUNT, f"{BATCH_ID}2")
    assert refused.value.status == 501
    assert "'batches'" in refused.value.message


def test_a_cloud_without_a_group_says_so(store: Store) -> None:
    with pytest.raises(AzureError) as missing:
        _ = Inventory(store).group
    assert (missing.value.status, missing.value.code) == (404, "ResourceGroupNotFound")
