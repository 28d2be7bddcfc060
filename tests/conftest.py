"""What every level of tests shares, and which tests share a process."""

import gc
import os
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# How long an example takes is up to the machine: the first to need a module also waits for its import.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# No test calls a public host. Reading the public root certificates, which requests does for each connection,
# would take most of the time of a call.
os.environ["LOCALCLOUD_ROOTS"] = os.devnull

LOCALCLOUD = "packages/localcloud/tests/localcloud_tests/integration"
TOGETHER = (
    ("tests/e2e/test_main_job.py", "stack-1"),
    ("tests/e2e/test_check.py", "stack-1"),
    ("tests/e2e/test_failures.py", "stack-2"),
    ("tests/e2e/test_real_data.py", "stack-2"),
    ("tests/e2e/test_trust.py", "stack-2"),
    ("tests/az/", "az"),
    ("tests/integration/stack/test_commands.py", "commands"),
    ("tests/bicep/", "bicep"),
    (f"{LOCALCLOUD}/machinelearning/", "machine-learning"),
    ("tests/integration/product/", "product"),
    ("tests/integration/roles/", "roles"),
    (f"{LOCALCLOUD}/storage/", "services"),
    (f"{LOCALCLOUD}/datafactory/", "services"),
    (f"{LOCALCLOUD}/eventgrid/", "services"),
    (f"{LOCALCLOUD}/batch/", "services"),
    (f"{LOCALCLOUD}/names/", "services"),
    (f"{LOCALCLOUD}/test_accounts.py", "services"),
    (f"{LOCALCLOUD}/test_controls.py", "services"),
    (f"{LOCALCLOUD}/test_core_tools.py", "services"),
    (f"{LOCALCLOUD}/test_deploying.py", "services"),
    (f"{LOCALCLOUD}/test_faults.py", "services"),
    (f"{LOCALCLOUD}/test_foundation.py", "services"),
    (f"{LOCALCLOUD}/test_resources.py", "services"),
    (f"{LOCALCLOUD}/functions_host/", "hosts"),
)
"""Tests that share a stack, a cloud, a host or a compiler, of which each process has its own, by how their
paths begin. What takes longest comes first, so that no process is left alone with it at the end."""


def pytest_sessionstart() -> None:
    """Collecting makes a million objects that stay; looking for garbage among them is a tenth of its time."""
    gc.disable()


def group_of(nodeid: str) -> str:
    """The name of the tests that go to one process: those of a file, or what TOGETHER says."""
    path = nodeid.partition("::")[0]
    return next((name for beginning, name in TOGETHER if path.startswith(beginning)), path)


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Schedules groups of tests, each to one process, where xdist would schedule files."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups | None:
    return Groups(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the groups of TOGETHER come first, in its order, where several processes run the tests."""
    if hasattr(config, "workerinput"):
        ranks = {name: rank for rank, (_, name) in reversed([*enumerate(TOGETHER)])}
        items.sort(key=lambda item: ranks.get(group_of(item.nodeid), len(TOGETHER)))


def pytest_collection_finish() -> None:
    """Look for garbage again, and not among what is there from now on to the end."""
    gc.freeze()
    gc.enable()
