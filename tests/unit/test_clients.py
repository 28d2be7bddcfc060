"""The SDKs' calls: each has the app's identity, and in an outage ends soon.

Even then, an activity is short and a delivery ends within 30 s.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from activities.lifecycle_events import publish_event
from activities.training import get_training_status
from runs.errors import RefusedError
from runs.steps import LifecycleEvent, Training
from services import run_store
from services.clients import Clients
from tests.unit.wire import SETTINGS, Answer, Credential, Wire

NOBODY = "https://127.0.0.1:9"
"""An address at which no service listens, so that a connection is refused at once."""
PATIENCE = 20
"""Seconds that one call may wait between its attempts; Event Grid waits 30 s for a delivery."""


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the SDKs would have slept."""
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    return waits


@pytest.fixture
def clients() -> Clients:
    unreachable = replace(SETTINGS, storage_url=NOBODY, resource_manager=NOBODY, topic_endpoint=NOBODY)
    return Clients(unreachable, Credential())


CALLS: dict[str, Callable[[Clients], Any]] = {
    "storage": lambda clients: run_store.read("run-1", clients),
    "data factory": lambda clients: get_training_status(Training("run-1", "pipeline-run"), clients),
    "topic": lambda clients: publish_event(LifecycleEvent("RunStarted", "run-1", {}), clients),
}


@pytest.mark.parametrize("service", CALLS)
def test_a_call_to_an_unreachable_service_fails_soon_so_that_the_orchestrator_retries_it(
    service: str, clients: Clients, waited: list[float]
) -> None:
    with pytest.raises(AzureError):
        CALLS[service](clients)
    assert sum(waited) < PATIENCE


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """A topic. The SDK of Event Grid takes no transport, so its default one sends to the Wire."""
    wire = Wire(lambda sent: Answer())
    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", lambda _, request, **__: wire.send(request))
    return wire


def test_an_event_names_its_run_and_has_the_same_id_whenever_it_is_published(topic: Wire) -> None:
    endpoint = "https://topic.invalid/api/events"
    clients = topic.clients(replace(SETTINGS, topic_endpoint=endpoint))
    for _ in range(2):
        publish_event(LifecycleEvent("RunStarted", "run-1", {"dataset": "iris.csv"}), clients)
    assert [(sent.method, sent.path) for sent in topic.sent] == [("POST", endpoint)] * 2
    for sent in topic.sent:
        (event,) = sent.body
        del event["eventTime"]
        assert event == {
            "id": "run-1/RunStarted",
            "subject": "runs/run-1",
            "eventType": "Touchdown.RunStarted",
            "data": {"dataset": "iris.csv"},
            "dataVersion": "1",
        }


def test_an_app_without_a_topic_publishes_nothing(topic: Wire) -> None:
    publish_event(LifecycleEvent("RunStarted", "run-1", {}), topic.clients())
    assert topic.sent == []


@pytest.mark.parametrize("service", ["storage", "data factory"])
def test_every_call_carries_the_apps_own_identity(service: str) -> None:
    date = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    wire = Wire(lambda sent: Answer(404, {"error": {"code": "NotFound", "message": "none"}}, date))
    with contextlib.suppress(RefusedError):
        CALLS[service](wire.clients())
    assert [sent.headers.get("Authorization") for sent in wire.sent] == ["Bearer token"]
