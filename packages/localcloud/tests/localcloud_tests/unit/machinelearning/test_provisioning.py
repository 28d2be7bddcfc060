"""Provisioning states, from Creating or Updating to Succeeded or Failed, without a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from localcloud.faults import Fault, Faults
from localcloud.machinelearning import provisioning
from localcloud.machinelearning.provisioning import Provisioned, state_of
from localcloud.store import Document, Store
from localcloud.wire import AzureError


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provisioning, "PROVISIONING_SECONDS", 0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "cloud.sqlite")
    yield store
    store.close()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def things(store: Store, faults: Faults) -> Provisioned:
    return Provisioned(store, faults, kind="thing", point="thing", noun="Thing")


def thing(size: int) -> Document:
    return {"name": "one", "properties": {"size": size}}


def seen(things: Provisioned) -> tuple[str, int]:
    document = things.find("one")
    assert document is not None
    return state_of(document), document["properties"]["size"]


async def test_a_change_takes_effect_when_its_operation_succeeds(things: Provisioned) -> None:
    created = things.change("one", thing(1))
    assert (created.created, seen(things)) == (True, ("Creating", 1))
    await created.work()
    assert seen(things) == ("Succeeded", 1)
    updated = things.change("one", thing(2))
    assert (updated.created, seen(things)) == (False, ("Updating", 1))
    await updated.work()
    assert seen(things) == ("Succeeded", 2)


async def test_a_busy_resource_refuses_another_operation(things: Provisioned) -> None:
    change = things.change("one", thing(1))
    with pytest.raises(AzureError, match="is Creating"):
        things.change("one", thing(2))
    with pytest.raises(AzureError, match="is Creating"):
        things.remove("one")
    await change.work()


async def test_a_failed_change_leaves_the_earlier_properties_failed(
    things: Provisioned, faults: Faults
) -> None:
    await things.change("one", thing(1)).work()
    faults.arm(Fault("machinelearning.thing", "error", {"name": "one"}))
    with pytest.raises(AzureError):
        await things.change("one", thing(2)).work()
    assert seen(things) == ("Failed", 1)
    await things.change("one", thing(3)).work()
    assert seen(things) == ("Succeeded", 3)


async def test_a_failed_check_fails_the_creation(things: Provisioned) -> None:
    async def refuse() -> None:
        raise AzureError(400, "UserError", "no")

    with pytest.raises(AzureError, match="no"):
        await things.change("one", thing(1), check=refuse).work()
    assert seen(things) == ("Failed", 1)


async def test_a_removed_resource_is_gone_when_its_operation_succeeds(things: Provisioned) -> None:
    await things.change("one", thing(1)).work()
    removal = things.remove("one")
    assert seen(things) == ("Deleting", 1)
    await removal.work()
    assert things.find("one") is None


async def test_a_restart_ends_what_was_unfinished(things: Provisioned) -> None:
    things.change("one", thing(1))
    things.end_interrupted()
    assert seen(things) == ("Failed", 1)
    things.remove("one")
    things.end_interrupted()
    assert things.find("one") is None
