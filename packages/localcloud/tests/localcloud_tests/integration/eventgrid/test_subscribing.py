"""Subscriptions that are made and deleted while the cloud runs."""

import ssl

import httpx
import pytest
from azure.eventgrid import EventGridEvent, EventGridPublisherClient
from azure.identity import DefaultAzureCredential
from localcloud.home import LOOPBACK, REGION

from localcloud_tests.integration.eventgrid.conftest import Grid
from localcloud_tests.resources import TOPIC, TOPIC_ID, webhook

pytestmark = pytest.mark.integration


def test_a_subscription_gets_events_from_its_creation_to_its_deletion(grid: Grid, trusted_grid: None) -> None:
    port = grid.webhooks_port
    token = DefaultAzureCredential().get_token(f"{grid.home.resource_manager}/.default").token
    trust = ssl.create_default_context(cafile=grid.home.ca_bundle)
    publisher = EventGridPublisherClient(grid.home.topic_endpoint(TOPIC, REGION), DefaultAzureCredential())

    def arm(method: str, properties: object = None) -> None:
        answer = httpx.request(
            method,
            f"{grid.home.resource_manager}{TOPIC_ID}/eventSubscriptions/late?api-version=2025-02-15",
            headers={"Authorization": f"Bearer {token}"},
            json={"properties": properties} if properties else None,
            verify=trust,
            trust_env=False,
            proxy=grid.home.proxy,
        )
        assert answer.is_success, answer.text

    def publish(subject: str) -> list[str]:
        """The paths at which the event arrives."""
        publisher.send([EventGridEvent(subject=subject, event_type="t", data={}, data_version="1")])
        deliveries = [each["subscription"] for each in grid.deliveries(subject)]
        return sorted(each.path for each in grid.webhooks.about(subject, len(deliveries)))

    assert publish("late/before") == ["/published"]
    arm("PUT", {"destination": webhook(f"http://{LOOPBACK}:{port}/late")})
    assert publish("late/during") == ["/late", "/published"]
    arm("PUT", {"destination": webhook(f"http://{LOOPBACK}:{port}/later")})
    assert publish("late/changed") == ["/later", "/published"]
    grid.stop()
    grid.start()
    assert publish("late/restarted") == ["/later", "/published"]
    arm("DELETE")
    assert publish("late/after") == ["/published"]
