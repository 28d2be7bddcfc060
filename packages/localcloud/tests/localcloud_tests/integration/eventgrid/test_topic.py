"""The custom topic, through the client that applications publish with."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, EventGridPublisherClient
from azure.identity import DefaultAzureCredential
from localcloud.home import REGION

from localcloud_tests.integration.eventgrid.conftest import Grid
from localcloud_tests.resources import TOPIC, TOPIC_ID

pytestmark = pytest.mark.integration


def run_event(subject: str) -> EventGridEvent:
    return EventGridEvent(
        subject=subject, event_type="App.RunStarted", data={"runId": "r1"}, data_version="1.0"
    )


@contextmanager
def publisher(grid: Grid) -> Iterator[EventGridPublisherClient]:
    """A client like the app's."""
    with (
        DefaultAzureCredential() as credential,
        EventGridPublisherClient(grid.home.topic_endpoint(TOPIC, REGION), credential) as client,
    ):
        yield client


def published(grid: Grid, subject: str) -> list[dict[str, object]]:
    value = grid.control("GET", f"topics/{TOPIC}/events")["value"]
    return [each for each in value if each["subject"] == subject]


def test_a_published_event_is_kept_and_delivered(grid: Grid, trusted_grid: None) -> None:
    sent = run_event("runs/published")
    with publisher(grid) as client:
        client.send([sent])
    [kept] = published(grid, "runs/published")
    assert (kept["id"], kept["topic"], kept["dataVersion"]) == (str(sent.id), TOPIC_ID, "1.0")
    assert kept["data"] == {"runId": "r1"}
    request = grid.webhooks.about("runs/published")[0]
    assert (request.path, request.events) == ("/published", [kept])
    assert request.headers["aeg-data-version"] == "1.0"


class ForStorage:
    """A credential whose tokens are for another service."""

    def get_token(self, *scopes: str, **kwargs: object) -> object:
        with DefaultAzureCredential() as credential:
            return credential.get_token("https://storage.azure.com/.default")


def test_a_token_for_another_service_is_refused(grid: Grid, trusted_grid: None) -> None:
    client = EventGridPublisherClient(grid.home.topic_endpoint(TOPIC, REGION), ForStorage())
    with client, pytest.raises(ClientAuthenticationError) as refused:
        client.send([run_event("runs/wrong-audience")])
    assert refused.value.status_code == 401
    assert published(grid, "runs/wrong-audience") == []


def test_a_key_is_refused_because_the_topic_has_local_authentication_disabled(
    grid: Grid, trusted_grid: None
) -> None:
    client = EventGridPublisherClient(grid.home.topic_endpoint(TOPIC, REGION), AzureKeyCredential("key"))
    with client, pytest.raises(ClientAuthenticationError) as refused:
        client.send([run_event("runs/key")])
    assert "Local authentication is disabled" in str(refused.value)
    assert published(grid, "runs/key") == []


def test_an_event_of_the_other_schema_is_refused(grid: Grid, trusted_grid: None) -> None:
    with publisher(grid) as client, pytest.raises(HttpResponseError) as refused:
        client.send([CloudEvent(source="touchdown", type="App.RunStarted", data={})])
    assert refused.value.status_code == 400
    assert "'EventGridEvent' schema" in str(refused.value)


def test_one_bad_event_refuses_the_whole_request_and_nothing_is_kept(grid: Grid, trusted_grid: None) -> None:
    with DefaultAzureCredential() as credential:
        token = credential.get_token("https://eventgrid.azure.net/.default").token
    good = {"id": "1", "subject": "runs/half", "eventType": "t", "eventTime": "2026-11-23T00:00:00Z"}
    answer = httpx.post(
        f"{grid.home.topic_endpoint(TOPIC, REGION)}?api-version=2018-01-01",
        json=[good | {"dataVersion": ""}, good],
        headers={"Authorization": f"Bearer {token}"},
        verify=ssl.create_default_context(cafile=grid.home.ca_bundle),
        proxy=grid.home.proxy,
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["code"] == "InputJsonInvalid"
    assert published(grid, "runs/half") == []
