"""Delivery of events to subscribers: keys, retries, duplicates, dead letters, schemas, restarts."""

import asyncio
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from localcloud.eventgrid import journal
from localcloud.home import Home, Ports, free_ports
from localcloud.spec import of_home
from localcloud.storage import emulator

from localcloud_tests.integration.conftest import serve, start_cloud
from localcloud_tests.integration.eventgrid.conftest import FUNCTION, SYSTEM_KEY, Grid, client, write_keys
from localcloud_tests.integration.eventgrid.receiver import LIMIT, Received, Receiver, listening
from localcloud_tests.resources import CONTAINER, STORAGE_ACCOUNT, keep_key, subscription, webhook

pytestmark = pytest.mark.integration


def upload(grid: Grid, container: str, name: str) -> str:
    """Upload to `container` and return the ETag without quotes."""
    blob = grid.container(container).upload_blob(name, b"a,b\n", overwrite=True)
    return str(blob.get_blob_properties().etag).strip('"')


def first_fail(times: int, status: int = 500) -> Callable[[Received], int]:
    """Answers each event `times` times with `status`, then 202."""
    seen: Counter[str] = Counter()

    def answer(request: Received) -> int:
        seen[request.events[0]["id"]] += 1
        return status if seen[request.events[0]["id"]] <= times else 202

    return answer


Deliveries = list[dict[str, Any]]


def deliveries_when(grid: Grid, text: str, ready: Callable[[Deliveries], bool]) -> Deliveries:
    """Wait until `ready` accepts the deliveries about `text`, and return them."""
    deadline = time.monotonic() + LIMIT
    while not ready(found := grid.deliveries(text)):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def settled(grid: Grid, text: str, count: int = 1) -> Deliveries:
    """Wait until there are `count` deliveries about `text` and none is pending; return them."""
    return deliveries_when(
        grid,
        text,
        lambda found: len(found) >= count and all(each["nextAttemptTime"] is None for each in found),
    )


def letters(grid: Grid, delivery: dict[str, Any]) -> Deliveries:
    container, _, blob = delivery["deadLetter"].partition("/")
    body: Deliveries = json.loads(grid.container(container).download_blob(blob).readall())
    return body


def test_a_dataset_reaches_its_function_with_the_system_key(grid: Grid) -> None:
    etag = upload(grid, CONTAINER, "datasets/first.csv")
    request = grid.app.about("datasets/first.csv")[0]
    assert request.path == "/runtime/webhooks/EventGrid"
    assert request.query == {"functionName": FUNCTION, "code": SYSTEM_KEY}
    assert request.headers["aeg-subscription-name"] == "DATASETS"
    assert request.events[0]["data"]["eTag"] == etag


def test_only_what_the_filters_name_reaches_the_app(grid: Grid) -> None:
    for name in ("datasets/no.txt", "runs/no/metrics.json", "runs/no/mlmodel", "no.csv", "Datasets/yes.CSV"):
        upload(grid, CONTAINER, name)
    upload(grid, CONTAINER, "runs/yes/model/MLmodel")
    grid.app.about("runs/yes/model/MLmodel")
    subjects = {each["subject"].partition("/blobs/")[2] for each in grid.deliveries(CONTAINER)}
    assert {"runs/yes/model/MLmodel", "Datasets/yes.CSV"} <= subjects
    assert not {each for each in subjects if "no" in each}


def test_an_event_is_tried_until_the_app_accepts_it(grid: Grid) -> None:
    with grid.app.answering(first_fail(3)):
        upload(grid, CONTAINER, "datasets/again.csv")
        requests = grid.app.about("datasets/again.csv", 4)
        [delivery] = settled(grid, "datasets/again.csv")
    assert [each.headers["aeg-delivery-count"] for each in requests] == ["0", "1", "2", "3"]
    assert len({each.events[0]["id"] for each in requests}) == 1
    assert (delivery["state"], delivery["deliveryAttempts"]) == ("Delivered", 4)


def test_events_wait_for_a_host_that_has_no_keys_yet(grid: Grid) -> None:
    keys = grid.home.root / "keys.json"
    keys.unlink()
    upload(grid, CONTAINER, "datasets/early.csv")
    grid.wait_for_journal()
    [waiting] = grid.deliveries("datasets/early.csv")
    assert (waiting["state"], waiting["deliveryAttempts"]) == ("Queued", 0)
    write_keys(grid.home)
    grid.app.about("datasets/early.csv")


def test_an_endpoint_where_nobody_listens_does_not_use_up_attempts(grid: Grid) -> None:
    upload(grid, "absent", "patient.csv")
    [delivery] = deliveries_when(
        grid, "patient.csv", lambda found: [each["lastDeliveryOutcome"] for each in found] == ["Unreachable"]
    )
    assert (delivery["state"], delivery["deliveryAttempts"]) == ("Queued", 0)
    with listening(Receiver(), grid.absent_port) as late:
        assert late.about("patient.csv")[0].headers["aeg-delivery-count"] == "0"
        settled(grid, "patient.csv")


def test_an_unauthorized_answer_is_final_and_leaves_a_dead_letter(grid: Grid) -> None:
    with grid.webhooks.answering(lambda _: 401):
        upload(grid, "impatient", "refused.csv")
        [delivery] = settled(grid, "refused.csv")
    assert len(grid.webhooks.about("refused.csv")) == 1
    assert delivery["state"] == "DeadLettered"
    assert delivery["deadLetter"].startswith("deadletter/IMPATIENT/")
    [letter] = letters(grid, delivery)
    sent = grid.webhooks.event("refused.csv")
    assert letter == sent | {
        "deadLetterReason": "UndeliverableDueToHttpUnauthorized",
        "deliveryAttempts": 1,
        "lastDeliveryOutcome": "Unauthorized",
        "publishTime": delivery["queuedTime"],
        "lastDeliveryAttemptTime": delivery["lastDeliveryAttemptTime"],
    }


def test_the_last_allowed_attempt_leaves_a_dead_letter(grid: Grid) -> None:
    with grid.webhooks.answering(lambda _: 503):
        upload(grid, "impatient", "exhausted.csv")
        [delivery] = settled(grid, "exhausted.csv")
    assert len(grid.webhooks.about("exhausted.csv")) == 2
    [letter] = letters(grid, delivery)
    assert (letter["deadLetterReason"], letter["deliveryAttempts"]) == ("MaxDeliveryAttemptsExceeded", 2)
    assert letter["lastDeliveryOutcome"] == "Busy"


def test_a_repeat_fault_delivers_copies_of_one_event_at_the_same_time(grid: Grid) -> None:
    together = threading.Barrier(3)

    def meet(request: Received) -> int:
        if request.names("thrice.csv"):
            together.wait(timeout=10)
        return 202

    receiver = Receiver()
    with listening(receiver, grid.absent_port):
        grid.fault("repeat", "thrice", count=3)
        upload(grid, "absent", "thrice.csv")
        requests = receiver.about("thrice.csv", 3)
        settled(grid, "thrice.csv")
    assert len({each.events[0]["id"] for each in requests}) == 1
    assert max(each.at for each in requests) - min(each.at for each in requests) < 5


def test_a_lost_answer_makes_a_duplicate(grid: Grid) -> None:
    grid.fault("lost", "answer-lost")
    upload(grid, "everything", "answer-lost.csv")
    requests = grid.webhooks.about("answer-lost.csv", 2)
    assert requests[0].events == requests[1].events


def test_a_dropped_delivery_never_arrives(grid: Grid) -> None:
    grid.fault("drop", "never")
    upload(grid, "everything", "never.csv")
    [delivery] = settled(grid, "never.csv")
    assert delivery["state"] == "Dropped"
    assert not [each for each in grid.webhooks.requests if each.names("never.csv")]


def test_an_error_fault_is_a_failed_attempt_that_the_subscriber_does_not_see(grid: Grid) -> None:
    grid.fault("error", "stumbles", times=2)
    upload(grid, "everything", "stumbles.csv")
    [request] = grid.webhooks.about("stumbles.csv")
    assert request.headers["aeg-delivery-count"] == "2"


def test_a_settled_event_can_be_delivered_again(grid: Grid) -> None:
    upload(grid, "everything", "late.csv")
    event_id = grid.webhooks.event("late.csv")["id"]
    settled(grid, "late.csv")
    grid.control("POST", "eventgrid/redeliver", {"event_id": event_id})
    first, second = grid.webhooks.about("late.csv", 2)
    assert first.events == second.events


def test_redelivering_an_unknown_event_is_refused(grid: Grid) -> None:
    answer = httpx.post(
        f"{grid.home.control_url}/eventgrid/redeliver",
        json={"event_id": "nobody"},
        headers={"X-Localcloud-Key": grid.home.control_key},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "EventNotFound")


def test_a_cloudevents_subscription_gets_one_object_per_request(grid: Grid) -> None:
    etag = upload(grid, "cloudevents", "c.csv")
    request = grid.webhooks.about("cloudevents/blobs/c.csv")[0]
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert isinstance(request.body, dict)
    assert (request.body["specversion"], request.body["type"]) == ("1.0", "Microsoft.Storage.BlobCreated")
    assert request.body["data"]["eTag"] == etag
    assert "eventType" not in request.body


def test_events_that_wait_together_go_as_one_batch_and_fail_as_one(grid: Grid) -> None:
    grid.control("POST", "eventgrid/pause")
    for number in range(5):
        upload(grid, "batches", f"{number}.csv")
    deliveries_when(grid, "/batches/", lambda found: len(found) == 5)
    refusals = iter([500])
    with grid.webhooks.answering(lambda _: next(refusals, 202)):
        grid.control("POST", "eventgrid/resume")
        first = grid.webhooks.about("/batches/")[0]
        delivered = settled(grid, "/batches/", 5)
    assert len(first.events) == 5
    assert {each["deliveryAttempts"] for each in delivered} == {2}


def test_held_deliveries_go_out_when_they_are_released(grid: Grid) -> None:
    grid.control("POST", "eventgrid/pause")
    upload(grid, "everything", "held.csv")
    [delivery] = deliveries_when(grid, "held.csv", bool)
    assert delivery["state"] == "Queued"
    grid.control("POST", "eventgrid/resume")
    grid.webhooks.about("held.csv")


def test_no_upload_is_lost_when_the_cloud_is_killed_between_and_while_it_is_down(grid: Grid) -> None:
    stop = threading.Event()
    etags: dict[str, str] = {}

    def keep_uploading() -> None:
        while not stop.is_set():
            name = f"restart/{len(etags)}.csv"
            etags[name] = upload(grid, "everything", name)

    uploads = threading.Thread(target=keep_uploading)
    uploads.start()
    try:
        grid.webhooks.about("restart/", 5)
        grid.process.kill()
        grid.process.wait()
        grid.start()
    finally:
        stop.set()
        uploads.join()
    for name, etag in etags.items():
        events = [each.events[0] for each in grid.webhooks.about(name)]
        assert {event["data"]["eTag"] for event in events} == {etag}
        assert len({event["id"] for event in events}) == 1


def test_new_metadata_is_not_taken_for_a_missed_upload_at_the_next_start(grid: Grid) -> None:
    blob = grid.container("everything").upload_blob("touched.csv", b"a")
    grid.webhooks.about("touched.csv")
    grid.stop()
    blob.set_blob_metadata({"label": "species"})
    grid.start()
    grid.wait_for_journal()
    assert len(grid.deliveries("touched.csv")) == 1


def test_a_name_that_no_listing_can_hold_keeps_no_event_back_after_a_restart(grid: Grid) -> None:
    hostile = grid.container("everything").upload_blob("escape\x1b[31m.csv", b"a,b\n")
    grid.webhooks.about("escape")
    grid.stop()
    try:
        grid.start()
        upload(grid, "everything", "beside-a-hostile-one.csv")
        grid.webhooks.about("beside-a-hostile-one.csv")
        log = log_when(grid, "cannot be listed")
    finally:
        hostile.delete_blob()
    assert f"container everything of {STORAGE_ACCOUNT} cannot be listed" in log
    assert "\x1b" not in log


def log_when(grid: Grid, text: str) -> str:
    """What the cloud has logged, once `text` is in it."""
    deadline = time.monotonic() + LIMIT
    while text not in (log := (grid.home.logs / "cloud.log").read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return log


@pytest.fixture
def unwatched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with blobs in its storage, whose journal has been lost."""
    home = Home.open(tmp_path_factory.mktemp("unwatched") / "cloud", Ports.free())
    [webhooks] = free_ports(1)
    serve(home, subscription("everything", destination=webhook(f"http://127.0.0.1:{webhooks}/")))
    keep_key(home)
    azurite = asyncio.run(emulator.start(home))
    container = client(home).create_container("old")
    container.upload_blob("old.csv", b"a,b\n")
    container.upload_blob("line\nbreak %41.csv", b"")
    shutil.rmtree(journal.folder(home))
    yield home
    azurite.terminate()
    azurite.wait(timeout=20)


def test_blobs_missing_from_the_journal_get_their_event_once(unwatched: Home) -> None:
    url = of_home(unwatched).resources[-1].body["properties"]["destination"]["properties"]["endpointUrl"]
    container = client(unwatched).get_container_client("old")
    with listening(Receiver(), httpx.URL(url).port or 0) as receiver:
        for last_listed in ("zz1", "zz2"):
            container.upload_blob(last_listed, b"")
            cloud = start_cloud(unwatched)
            try:
                receiver.about(last_listed)
            finally:
                cloud.terminate()
                cloud.wait(timeout=20)
        event = receiver.event("old.csv")
    assert event["data"]["contentLength"] == 4
    assert f'"{event["data"]["eTag"]}"' == container.get_blob_client("old.csv").get_blob_properties().etag
    assert receiver.event("line\nbreak")["data"]["contentLength"] == 0
