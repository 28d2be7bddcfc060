"""/runtime/webhooks/EventGrid, as Event Grid uses it."""

from typing import Any
from uuid import uuid4

import pytest

from localcloud_tests.integration.functions_host.hosts import RunningHost

pytestmark = pytest.mark.integration


def event(**data: Any) -> dict[str, Any]:
    return {
        "id": uuid4().hex,
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
        "subject": "/blobServices/default/containers/c/blobs/datasets/iris.csv",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-23T18:41:00.9584103Z",
        "data": data,
        "dataVersion": "",
        "metadataVersion": "1",
    }


def cloud_event(**data: Any) -> dict[str, Any]:
    return {
        "id": uuid4().hex,
        "source": "/subscriptions/s",
        "subject": "/blobServices/default/containers/c/blobs/datasets/iris.csv",
        "type": "Microsoft.Storage.BlobCreated",
        "time": "2026-11-23T18:41:00.9584103Z",
        "specversion": "1.0",
        "data": data,
    }


def test_an_event_runs_the_function_and_is_202(host: RunningHost) -> None:
    sent = event(url="https://a/c/datasets/iris.csv")
    assert host.deliver("on_event", [sent]).status_code == 202
    (got,) = host.seen(sent["id"])
    assert (got["subject"], got["type"], got["data"]) == (sent["subject"], sent["eventType"], sent["data"])


def test_a_single_object_is_a_delivery_of_one(host: RunningHost) -> None:
    sent = event()
    assert host.deliver("on_event", sent).status_code == 202
    assert len(host.seen(sent["id"])) == 1


def test_a_batch_runs_once_an_event_and_in_parallel(host: RunningHost) -> None:
    meeting = uuid4().hex
    batch = [event(meet=meeting, parties=3) for _ in range(3)]
    assert host.deliver("on_event", batch).status_code == 202
    assert all(len(host.seen(sent["id"])) == 1 for sent in batch)


def test_one_failing_event_of_a_batch_fails_the_delivery_after_all_have_run(host: RunningHost) -> None:
    good, bad = event(), event(fail=True)
    response = host.deliver("on_event", [good, bad])
    assert response.status_code == 500
    assert response.text == "Exception while executing function: Functions.on_event"
    assert len(host.seen(good["id"])) == len(host.seen(bad["id"])) == 1


def test_cloud_events_are_delivered_alone_and_in_batches(host: RunningHost) -> None:
    one, two, three = cloud_event(n=1), cloud_event(n=2), cloud_event(n=3)
    assert host.deliver("on_cloud_event", one).status_code == 202
    assert host.deliver("on_cloud_event", [two, three]).status_code == 202
    assert [host.seen(sent["id"])[0]["data"] for sent in (one, two, three)] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_an_event_can_start_an_orchestration(host: RunningHost) -> None:
    sent = event()
    assert host.deliver("on_upload", [sent]).status_code == 202
    assert host.output(sent["id"]) == 4


def test_the_path_is_matched_in_any_case(host: RunningHost) -> None:
    for path in ("/runtime/webhooks/eventgrid", "/Runtime/WebHooks/EVENTGRID"):
        response = host.http.post(
            path,
            params={"functionName": "on_event", "code": host.event_grid_key},
            headers={"aeg-event-type": "Notification"},
            json=[event()],
        )
        assert response.status_code == 202


def test_the_validation_handshake_is_answered_without_running_the_function(host: RunningHost) -> None:
    sent = {**event(validationCode="code-1"), "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent"}
    response = host.deliver("on_event", [sent], "SubscriptionValidation")
    assert (response.status_code, response.json()) == (200, {"validationResponse": "code-1"})
    assert host.seen(sent["id"]) == []


def test_the_handshake_of_cloud_events_is_answered(host: RunningHost) -> None:
    response = host.http.options(
        "/runtime/webhooks/EventGrid",
        params={"functionName": "on_cloud_event", "code": host.event_grid_key},
        headers={"WebHook-Request-Origin": "eventgrid.azure.net"},
    )
    assert response.status_code == 200
    assert response.headers["webhook-allowed-origin"] == "eventgrid.azure.net"


@pytest.mark.parametrize("kind", [None, "Gossip"])
def test_a_delivery_of_no_known_kind_is_400(host: RunningHost, kind: str | None) -> None:
    assert host.deliver("on_event", [event()], kind).status_code == 400


def test_unsubscribe_is_202(host: RunningHost) -> None:
    assert host.deliver("on_event", [], "Unsubscribe").status_code == 202


@pytest.mark.parametrize("name", ["no_such_function", "echo", ""])
def test_a_function_that_takes_no_events_is_404(host: RunningHost, name: str) -> None:
    assert host.deliver(name, [event()]).status_code == 404


def test_a_body_that_is_no_json_is_an_error_of_the_host(host: RunningHost) -> None:
    response = host.http.post(
        "/runtime/webhooks/EventGrid",
        params={"functionName": "on_event", "code": host.event_grid_key},
        headers={"aeg-event-type": "Notification"},
        content="[{",
    )
    assert response.status_code == 500


@pytest.mark.parametrize("kind", ["Notification", "SubscriptionValidation"])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"data":' * 100_000 + "1" + "}" * 100_000])
def test_a_body_that_is_nested_too_deeply_is_400(host: RunningHost, kind: str, text: str) -> None:
    response = host.http.post(
        "/runtime/webhooks/EventGrid",
        params={"functionName": "on_event", "code": host.event_grid_key},
        headers={"aeg-event-type": kind},
        content=text,
    )
    assert response.status_code == 400
    assert "nested more than 200 levels deep" in response.text


def test_without_the_extensions_key_nothing_runs(host: RunningHost) -> None:
    sent = event()
    for key, status in {"": 401, "wrong": 401, host.function_key: 403, host.durable_key: 403}.items():
        response = host.http.post(
            "/runtime/webhooks/EventGrid",
            params={"functionName": "on_event", "code": key},
            headers={"aeg-event-type": "Notification"},
            json=[sent],
        )
        assert response.status_code == status
    assert host.seen(sent["id"]) == []


def test_the_master_key_opens_a_webhook(host: RunningHost) -> None:
    response = host.http.post(
        "/runtime/webhooks/EventGrid",
        params={"functionName": "on_event"},
        headers={"aeg-event-type": "Notification", "x-functions-key": host.master},
        json=[event()],
    )
    assert response.status_code == 202


def test_a_webhook_of_another_extension_asks_for_a_key_and_then_is_404(host: RunningHost) -> None:
    assert host.http.post("/runtime/webhooks/blobs").status_code == 401
    assert host.http.post("/runtime/webhooks/blobs", params={"code": host.master}).status_code == 404
