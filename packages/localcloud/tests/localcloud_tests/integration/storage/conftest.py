"""One Azurite for all tests of roles in storage."""

import asyncio
from collections.abc import Iterator

import pytest
from localcloud.home import Home, Ports
from localcloud.storage import emulator

from localcloud_tests.integration.storage.stores import Store


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    found = Store(Home.open(tmp_path_factory.mktemp("storage") / "home", Ports.free()))
    process = asyncio.run(emulator.start(found.home))
    found.publish()
    yield found
    found.close()
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture(autouse=True)
def nobody_holds_anything(store: Store) -> None:
    store.assignments.clear()
    store.roles.clear()
    store.publish()
