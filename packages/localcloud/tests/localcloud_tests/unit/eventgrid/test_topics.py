"""Custom topics: which events they accept, and how many they keep."""

import json
from pathlib import Path
from typing import Any

import pytest
from localcloud.eventgrid import topics
from localcloud.eventgrid.events import Event
from localcloud.eventgrid.topics import PublishedEvents, read
from localcloud.store import Store
from localcloud.wire import AzureError

from localcloud_tests.resources import TOPIC_ID

GOOD: dict[str, Any] = {
    "id": "1",
    "subject": "runs/r1",
    "eventType": "App.RunStarted",
    "eventTime": "2026-11-23T00:00:00.123Z",
    "dataVersion": "",
    "data": {"runId": "r1"},
}


def test_events_get_the_topics_id() -> None:
    [event] = read(json.dumps([GOOD]).encode(), TOPIC_ID)
    assert event.to_json() == GOOD | {"topic": TOPIC_ID, "metadataVersion": "1"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"{}", "Token Expected: StartArray"),
        (b"[1]", "must be an object"),
        *((json.dumps([GOOD | {name: None}]).encode(), name) for name in topics.REQUIRED),
        (json.dumps([GOOD | {"id": ""}]).encode(), "'id'"),
        (json.dumps([GOOD | {"eventTime": "yesterday"}]).encode(), "ISO 8601"),
        (json.dumps([GOOD | {"source": "x"}]).encode(), "unexpected property 'source'"),
        (json.dumps([GOOD | {"topic": "/other"}]).encode(), "'topic'"),
    ],
)
def test_what_is_not_in_the_schema_is_refused_as_azure_does(body: bytes, says: str) -> None:
    with pytest.raises(AzureError) as refused:
        read(body, TOPIC_ID)
    error = refused.value
    assert (error.status, error.code, error.details[0]["code"]) == (400, "BadRequest", "InputJsonInvalid")
    assert says in error.message


def test_more_than_a_megabyte_is_refused() -> None:
    with pytest.raises(AzureError) as refused:
        read(json.dumps([GOOD | {"data": "x" * topics.MAX_BYTES}]).encode(), TOPIC_ID)
    assert refused.value.status == 413


def test_the_topic_keeps_the_latest_events_over_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "KEPT", 3)
    store = Store(tmp_path / "cloud.sqlite")
    for number in range(5):
        event = Event(str(number), TOPIC_ID, "s", "t", "2026-11-23T00:00:00Z", None)
        PublishedEvents(store).keep(event)
    assert [each["id"] for each in PublishedEvents(store).of(TOPIC_ID)] == ["2", "3", "4"]
    store.close()
