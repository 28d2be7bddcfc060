"""Parts of the delivery: intervals, answers, request bodies, dead letters and the log."""

import itertools
import json
import math
from pathlib import Path

import pytest
from localcloud.eventgrid import deliveries
from localcloud.eventgrid.deadletters import letter
from localcloud.eventgrid.deliverer import FACTOR_VARIABLE, RetrySchedule
from localcloud.eventgrid.deliveries import Delivery, DeliveryLog
from localcloud.eventgrid.events import BLOB_CREATED, Event
from localcloud.eventgrid.filters import Filter
from localcloud.eventgrid.subscriptions import Subscription
from localcloud.eventgrid.webhooks import Outcome, Verdict, body
from localcloud.store import Store

from localcloud_tests.resources import STORAGE_ID, webhook

EVENT = Event("e1", STORAGE_ID, "s", BLOB_CREATED, "2026-11-23T00:00:00Z", {"api": "PutBlob"}, "1.0")


def subscription(schema: str = "EventGridSchema", max_batch: int = 1) -> Subscription:
    destination = webhook("http://127.0.0.1:1/", maxEventsPerBatch=max_batch)
    properties = {"destination": destination, "eventDeliverySchema": schema}
    return Subscription.parse("mine", STORAGE_ID, properties)


def test_the_default_waits_are_short_and_end_at_a_minute() -> None:
    waits = [RetrySchedule().wait(attempts) for attempts in range(1, 31)]
    assert 0.25 <= waits[0] <= 0.275
    assert all(earlier <= later * 1.1 for earlier, later in itertools.pairwise(waits))
    assert max(waits) <= 66


def test_a_factor_of_one_waits_as_long_as_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FACTOR_VARIABLE, "1")
    schedule = RetrySchedule.from_environment()
    assert schedule == RetrySchedule(1, math.inf)
    assert 10 <= schedule.wait(1) <= 11
    assert 12 * 3600 <= schedule.wait(30) <= 13.2 * 3600


@pytest.mark.parametrize("value", ["0", "-1", "fast", "nan", "inf", ""])
def test_a_factor_that_is_no_positive_number_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(FACTOR_VARIABLE, value)
    with pytest.raises(ValueError, match=FACTOR_VARIABLE):
        RetrySchedule.from_environment()


@pytest.mark.parametrize(
    ("status", "verdict", "name"),
    [
        (200, "delivered", "Success"),
        (202, "delivered", "Success"),
        (204, "delivered", "Success"),
        (205, "failed", "ResetContent"),
        (302, "failed", "Found"),
        (400, "refused", "BadRequest"),
        (401, "refused", "Unauthorized"),
        (403, "failed", "Forbidden"),
        (404, "failed", "NotFound"),
        (408, "failed", "TimedOut"),
        (413, "refused", "RequestEntityTooLarge"),
        (500, "failed", "InternalServerError"),
        (503, "failed", "Busy"),
        (599, "failed", "Http599"),
    ],
)
def test_only_event_grids_success_codes_deliver_and_only_its_final_codes_end(
    status: int, verdict: Verdict, name: str
) -> None:
    assert Outcome.of_status(status) == Outcome(verdict, name)


def test_event_grids_own_schema_is_a_list_even_of_one() -> None:
    content, headers = body(subscription(), [EVENT])
    assert json.loads(content) == [EVENT.to_json()]
    assert headers == {
        "aeg-subscription-name": "MINE",
        "Content-Type": "application/json; charset=utf-8",
        "aeg-data-version": "1.0",
        "aeg-metadata-version": "1",
    }


def test_cloudevents_are_a_list_only_in_batches() -> None:
    single, headers = body(subscription("CloudEventSchemaV1_0"), [EVENT])
    assert json.loads(single)["source"] == STORAGE_ID
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    batch, headers = body(subscription("CloudEventSchemaV1_0", 2), [EVENT])
    assert json.loads(batch) == [json.loads(single)]
    assert headers["Content-Type"] == "application/cloudevents-batch+json; charset=utf-8"


def test_a_publishers_data_version_cannot_break_the_request() -> None:
    strange = Event("e1", STORAGE_ID, "s", "t", "2026-11-23T00:00:00Z", {}, "1\r\nX: é")
    _, headers = body(subscription(), [strange])
    assert headers["aeg-data-version"] == "1%0D%0AX: %C3%A9"


def test_a_dead_letter_is_the_event_and_why() -> None:
    delivery = Delivery("mine", EVENT, 0.0, 0.0, "d1", attempts=3, outcome="NotFound", last_attempt=60.0)
    delivery.reason = "MaxDeliveryAttemptsExceeded"
    written = letter(delivery, subscription())
    assert written == EVENT.to_json() | {
        "deadLetterReason": "MaxDeliveryAttemptsExceeded",
        "deliveryAttempts": 3,
        "lastDeliveryOutcome": "NotFound",
        "publishTime": "1970-01-01T00:00:00.000000Z",
        "lastDeliveryAttemptTime": "1970-01-01T00:01:00.000000Z",
    }
    assert letter(delivery, subscription("CloudEventSchemaV1_0"))["deliveryattempts"] == 3


def test_the_log_outlives_a_restart_and_keeps_only_the_latest_that_are_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "KEPT", 3)
    store = Store(tmp_path / "cloud.sqlite")
    log = DeliveryLog(store)
    for number in range(6):
        delivery = Delivery("mine", EVENT, float(number), 0.0, f"d{number}")
        log.save(delivery)
        if number != 1:
            delivery.state = "Delivered"
            log.save(delivery)
    assert [each.id for each in log] == ["d1", "d3", "d4", "d5"]
    again = DeliveryLog(store)
    assert list(again) == list(log)
    assert [each.pending for each in again] == [True, False, False, False]
    store.close()


def test_a_subscription_without_a_filter_wants_everything() -> None:
    assert subscription().filter == Filter()
