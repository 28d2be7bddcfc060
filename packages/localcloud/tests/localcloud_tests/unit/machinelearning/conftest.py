"""The workspace of the tests' resources."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from localcloud import inventory
from localcloud.inventory import Inventory
from localcloud.machinelearning.uris import Workspace
from localcloud.store import Store

from localcloud_tests.resources import GROUP_ID, WORKSPACE_PATH


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    store = Store(tmp_path / "inventory.sqlite")
    known = Inventory(store)
    known.put(inventory.GROUP, GROUP_ID, {}, {})
    known.put(inventory.WORKSPACE, WORKSPACE_PATH, {}, {})
    yield Workspace(known)
    store.close()
