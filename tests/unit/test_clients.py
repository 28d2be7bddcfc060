"""The SDKs' own patience: an activity is short and a delivery ends within 30 s, in an outage too."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from activities import lifecycle_events
from activities.training import get_training_status
from runs import settings
from runs.contracts import LifecycleEvent, Training
from services import clients, run_store
from tests.unit.wire import Credential

NOBODY = "https://127.0.0.1:9"
"""Where no service listens: a connection is refused at once."""
PATIENCE = 20
"""Seconds that a call may wait between its tries; Event Grid gives a delivery 30."""


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The seconds that the SDKs would have slept."""
    for name in ("SUBSCRIPTION_ID", "RESOURCE_GROUP", "WORKSPACE", "DATA_FACTORY", "CONTAINER"):
        monkeypatch.setenv(f"TOUCHDOWN_{name}", "x")
    for name in ("STORAGE_URL", "RESOURCE_MANAGER_URL", "TOPIC_ENDPOINT"):
        monkeypatch.setenv(f"TOUCHDOWN_{name}", NOBODY)
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    cached = [each for each in vars(clients).values() if hasattr(each, "cache_clear")]
    for each in (settings.app, *cached):
        each.cache_clear()
    monkeypatch.setattr(clients, "credential", Credential)
    yield waits
    for each in (settings.app, *cached):
        each.cache_clear()


CALLS: dict[str, Callable[[], Any]] = {
    "storage": lambda: run_store.read("run-1"),
    "data factory": lambda: get_training_status(Training("run-1", "pipeline-run")),
    "topic": lambda: lifecycle_events.publish_event(LifecycleEvent("RunStarted", "run-1", {})),
}


@pytest.mark.parametrize("service", CALLS)
def test_a_service_out_of_reach_is_given_up_soon_and_left_to_the_orchestrators_retries(
    service: str, waited: list[float]
) -> None:
    with pytest.raises(AzureError):
        CALLS[service]()
    assert sum(waited) < PATIENCE
