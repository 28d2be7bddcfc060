"""Delivery attempts that a cloud makes only after minutes or hours; these tests make them directly."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from localcloud.eventgrid import deliverer, webhooks
from localcloud.eventgrid.deadletters import DeadLetters
from localcloud.eventgrid.deliverer import Deliverer, RetrySchedule
from localcloud.eventgrid.deliveries import Delivery, DeliveryLog
from localcloud.eventgrid.events import BLOB_CREATED, Event
from localcloud.eventgrid.subscriptions import Subscription
from localcloud.eventgrid.webhooks import Webhooks
from localcloud.faults import Faults
from localcloud.home import LOOPBACK, free_ports
from localcloud.store import Store

from localcloud_tests.integration.eventgrid.conftest import Grid
from localcloud_tests.integration.eventgrid.receiver import Receiver, listening
from localcloud_tests.resources import STORAGE_ID, dead_letters, webhook

pytestmark = pytest.mark.integration

EVENT = Event("e1", STORAGE_ID, "s", BLOB_CREATED, "2026-11-23T00:00:00Z", {})
DAY = 24 * 3600


@pytest.fixture
def make_deliverer(grid: Grid, tmp_path: Path) -> Iterator[Callable[[BlobServiceClient], Deliverer]]:
    store = Store(tmp_path / "cloud.sqlite")

    def make(blobs: BlobServiceClient) -> Deliverer:
        return Deliverer(
            DeliveryLog(store), Webhooks(grid.home), DeadLetters(lambda _: blobs), Faults(), RetrySchedule()
        )

    yield make
    store.close()


def subscription(port: int) -> Subscription:
    properties = {
        "destination": webhook(f"http://{LOOPBACK}:{port}/"),
        "deadLetterWithResourceIdentity": dead_letters(),
    }
    return Subscription.parse("mine", STORAGE_ID, properties)


def queued(ago: float) -> Delivery:
    return Delivery.new("mine", EVENT, time.time() - ago)


async def test_an_event_undelivered_for_a_day_becomes_a_dead_letter(
    grid: Grid, make_deliverer: Callable[[BlobServiceClient], Deliverer]
) -> None:
    young, old = queued(DAY - 60), queued(DAY + 60)
    reached = await make_deliverer(grid.blobs).attempt(subscription(grid.absent_port), [young, old])
    assert not reached
    assert (young.state, young.attempts, young.outcome) == ("Queued", 0, "Unreachable")
    assert (old.state, old.reason) == ("DeadLettered", "TimeToLiveExceeded")


async def test_an_answer_that_takes_too_long_is_a_failed_attempt(
    grid: Grid,
    make_deliverer: Callable[[BlobServiceClient], Deliverer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhooks, "ANSWER_LIMIT", 0.2)
    answer = threading.Event()

    def hang(_: object) -> int:
        answer.wait(timeout=20)
        return 202

    delivery = queued(0)
    with listening(Receiver(hang), grid.absent_port):
        await make_deliverer(grid.blobs).attempt(subscription(grid.absent_port), [delivery])
        answer.set()
    assert (delivery.state, delivery.attempts, delivery.outcome) == ("Queued", 1, "TimedOut")
    assert delivery.due > time.time() - 1


async def test_a_dead_letter_waits_for_storage_and_is_dropped_only_after_hours(
    make_deliverer: Callable[[BlobServiceClient], Deliverer], monkeypatch: pytest.MonkeyPatch
) -> None:
    [nobody] = free_ports(1)
    away = BlobServiceClient(f"https://{LOOPBACK}:{nobody}/anaccount", credential="a2V5", retry_total=0)
    post = make_deliverer(away)
    delivery = queued(2 * DAY)
    await post.attempt(subscription(nobody), [delivery])
    assert (delivery.state, delivery.reason) == ("Undeliverable", "TimeToLiveExceeded")
    assert delivery.due > time.time()
    monkeypatch.setattr(deliverer, "DEAD_LETTER_LIMIT", 0)
    await post.attempt(subscription(nobody), [delivery])
    assert delivery.state == "Dropped"


async def test_an_event_is_dropped_where_the_subscription_keeps_no_dead_letters(
    grid: Grid, make_deliverer: Callable[[BlobServiceClient], Deliverer]
) -> None:
    delivery = queued(2 * DAY)
    careless = replace(subscription(grid.absent_port), dead_letters=None)
    await make_deliverer(grid.blobs).attempt(careless, [delivery])
    assert (delivery.state, delivery.reason) == ("Dropped", "TimeToLiveExceeded")
