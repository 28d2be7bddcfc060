"""Two hosts for the session: one with default settings, one whose app sets other rules."""

import json
import shutil
from collections.abc import Iterator
from uuid import uuid4

import pytest

from localcloud_tests.integration.functions_host.hosts import APPS, RunningHost

OTHER_RULES = {
    "version": "2.0",
    "functionTimeout": "00:00:01",
    "extensions": {
        "http": {"routePrefix": "api"},
        "durableTask": {
            "hubName": "%HUB_NAME%",
            "maxConcurrentActivityFunctions": 1,
            "overridableExistingInstanceStates": "AnyState",
            "throwStatusExceptionsOnRaiseEvent": True,
        },
    },
}


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    keys = tmp_path_factory.mktemp("host") / "keys.json"
    running = RunningHost(APPS / "sample", keys, {"SAMPLE_SETTING": "from the environment"})
    yield running
    running.stop()


@pytest.fixture(scope="session")
def other_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("other")
    shutil.copytree(APPS / "sample", folder / "app")
    (folder / "app" / "host.json").write_text(json.dumps(OTHER_RULES))
    running = RunningHost(folder / "app", folder / "keys.json", {"HUB_NAME": "OtherHub"})
    yield running
    running.stop()


@pytest.fixture
def new_id() -> str:
    return f"run-{uuid4().hex}"
