"""Both evaluators of roles and conditions: the Python one, and that of storage's hook."""

from collections.abc import Iterator

import pytest

from localcloud_tests.unit.access.hook import HOOK


@pytest.fixture(scope="session", autouse=True)
def hook() -> Iterator[None]:
    HOOK.start()
    yield
    HOOK.stop()
