"""The main use of Touchdown, with real input: from a CSV to predictions of a deployed batch endpoint."""

from pathlib import Path

import pytest
from localcloud.controls import Controls
from localcloud.stack import Stack

from runs import naming
from tests.e2e.conftest import (
    default,
    deployments,
    endpoint_of,
    failed,
    finished,
    iris,
    pipeline_runs,
    rows,
    run_names,
    stage_is,
    succeeded,
    versions,
)
from tests.e2e.forgery import WebhookKey
from tests.waiting import wait_for
from touchdown.client import ApiError, Client
from touchdown.local.names import TOPIC

pytestmark = pytest.mark.e2e

STEPS = [
    "inspect_dataset",
    "start_training",
    "wait",
    "read_training_result",
    "register_model",
    "ensure_compute",
    "ensure_endpoint",
    "deploy_model",
    "smoke_test",
    "promote",
    "record_run",
]


def test_an_uploaded_csv_becomes_a_tested_endpoint_that_predicts(
    client: Client, controls: Controls, tmp_path: Path
) -> None:
    data = iris(tmp_path)
    upload = client.upload(data, metadata={"algorithm": "auto"})
    run = succeeded(client, upload.run_id)

    assert [stage["name"] for stage in run["stages"]] == STEPS
    assert all(stage["ended"] >= stage["started"] for stage in run["stages"])
    assert (run["model_name"], run["model_version"], run["outcome"]) == (
        "iris_classification",
        "1",
        "promoted",
    )
    assert run["metrics"]["accuracy"] >= 0.9
    assert run["source"] == "event"
    assert default(client, run["endpoint"]) == run["deployment"]
    [version] = versions(client, "iris_classification")
    assert version["properties"]["tags"]["run"] == upload.run_id
    [pipeline_run] = pipeline_runs(client, upload.run_id)
    assert pipeline_run["runId"] == run["pipeline_run_id"]

    unlabelled = b"\n".join(line.rsplit(b",", 1)[0] for line in data.read_bytes().splitlines()) + b"\n"
    scored = client.score(run["endpoint"], unlabelled)
    predicted = [row[0] for row in scored.predictions]
    truth = [line.rsplit(",", 1)[1] for line in data.read_text().splitlines()[1:]]
    assert len(predicted) == 150
    assert sum(p == t for p, t in zip(predicted, truth, strict=True)) >= 135

    kinds = [
        event["eventType"]
        for event in controls.published(TOPIC)
        if event["subject"] == f"runs/{upload.run_id}"
    ]
    assert kinds == ["Touchdown.RunStarted", "Touchdown.RunSucceeded"]


def test_an_upload_whose_metadata_are_set_afterwards_has_one_run_which_uses_them(
    client: Client, controls: Controls, name: str
) -> None:
    """They are set twice: before the upload's event comes, and once more before its training does."""
    held = controls.arm_fault("http", "delay", {"path": "/createRun"}, seconds=120)
    controls.pause_deliveries()
    try:
        upload = client.upload(rows(), f"{name}.csv")
        blob = client.container.get_blob_client(upload.path)
        blob.set_blob_metadata({"epochs": "4"})
    finally:
        controls.resume_deliveries()
    inspected = client.wait(upload.run_id, until=stage_is("start_training"))
    assert inspected["settings"]["epochs"] == 4
    assert f'"{inspected["upload"]["etag"]}"' == blob.get_blob_properties().etag != f'"{upload.etag}"'
    blob.set_blob_metadata({"epochs": "5"})
    controls.disarm(held["id"])

    run = succeeded(client, upload.run_id)
    assert [stage["name"] for stage in run["stages"]] == [*STEPS[:3], *STEPS]
    assert (run["outcome"], run["source"], run["settings"]["epochs"]) == ("promoted", "event", 5)
    assert f'"{run["upload"]["etag"]}"' == blob.get_blob_properties().etag
    with pytest.raises(ApiError, match=run["run_id"]) as again:
        client.start_run(upload.dataset)
    assert (again.value.status, again.value.code) == (409, "RunExists")
    first, second, third = (
        naming.run_id(client.target.container, upload.path, etag)
        for etag in (upload.etag, inspected["upload"]["etag"], run["upload"]["etag"])
    )
    assert first == upload.run_id
    assert client.run(second) == client.run(third) == run
    assert run_names(client, upload) == [run["run_id"]] == [second]


def test_one_upload_is_one_run_whatever_is_repeated_lost_or_refused_on_its_way(
    client: Client, controls: Controls, name: str
) -> None:
    """Without the event of its model, a run goes on with the next poll. Errors that pass slow it down."""
    for path in ("/pipelineruns/", "/versions", f"/batchEndpoints/{endpoint_of(client, name)}"):
        controls.arm_fault("http", "error", {"path": path}, status=503, times=2)
    controls.arm_fault("http", "error", {"path": "/createRun"}, status=429, code="TooManyRequests", times=1)
    controls.arm_fault("eventgrid.deliver", "repeat", {"subject": f"datasets/{name}"}, count=3)
    lost = controls.arm_fault("eventgrid.deliver", "drop", {"subject": f"runs/{name}"}, times=None)
    upload = client.upload(rows(), f"{name}.csv")
    run = succeeded(client, upload.run_id)
    assert run["outcome"] == "promoted"
    assert controls.taken(lost["id"]), "the event of the model was to be dropped"
    [event] = {
        each["eventId"]
        for each in controls.deliveries()
        if name in each["subject"] and "runs/" not in each["subject"]
    }
    # Deliver it again after the run has ended, because the Functions host would run a finished id again.
    controls.redeliver(event)
    controls.redeliver(event)

    def redelivered() -> bool:
        return all(each["state"] == "Delivered" for each in controls.deliveries(eventId=event))

    wait_for(redelivered)
    assert client.run(upload.run_id) == run
    assert run_names(client, upload) == [upload.run_id]
    assert len(pipeline_runs(client, upload.run_id)) == 1
    assert len(versions(client, run["model_name"])) == 1
    assert len(deployments(client, run["endpoint"])) == 1


def test_a_model_that_is_ready_before_the_run_waits_for_it_is_used(
    client: Client, controls: Controls, name: str
) -> None:
    # The response of createRun is held until the trainer has finished and its event has been delivered, and
    # is lost then, so that the step has to look for what its first attempt started.
    create = {"path": "/pipelines/train/createRun", "method": "POST"}
    held = controls.arm_fault("http", "lost", create, seconds=600)
    upload = client.upload(rows(), f"{name}.csv")
    subject = f"runs/{upload.run_id}/"
    wait_for(lambda: any(subject in each["subject"] for each in controls.deliveries()), limit=120)
    controls.disarm(held["id"])
    run = succeeded(client, upload.run_id)
    assert run["outcome"] == "promoted"
    assert len(pipeline_runs(client, upload.run_id)) == 1, "a lost answer must not train twice"
    waited = next(stage for stage in run["stages"] if stage["name"] == "wait")
    events = [each for each in controls.deliveries() if f"runs/{upload.run_id}/" in each["subject"]]
    assert events[0]["lastDeliveryAttemptTime"] < waited["started"], "the event was to come first"


def test_each_upload_and_each_rerun_is_a_version_and_the_oldest_deployment_is_deleted(
    cloud: Stack, client: Client, controls: Controls, name: str
) -> None:
    """The first one is announced as one of the year 2999, after which every later one would be superseded."""
    controls.pause_deliveries()
    try:
        upload = client.upload(rows(0), f"{name}.csv", {"epochs": "3"})
        webhook = WebhookKey(cloud.home, client.target.container)
        assert (
            webhook.post([webhook.event(upload.path, upload.etag, eventTime="2999-01-01T00:00:00Z")]) == 202
        )
        assert client.run(upload.run_id)["upload"]["uploaded_at"] < "2999"
    finally:
        controls.resume_deliveries()
    first = succeeded(client, upload.run_id)
    with pytest.raises(ApiError, match="rerun") as again:
        client.start_run(upload.dataset)
    assert (again.value.status, again.value.code) == (409, "RunExists")
    second = succeeded(client, client.start_run(upload.dataset, {"epochs": 4}, rerun=True)["run_id"])
    assert second["run_id"] != first["run_id"]
    assert sorted(run_names(client, upload)) == sorted([first["run_id"], second["run_id"]])
    assert (second["settings"]["epochs"], second["model_version"]) == (4, "2")
    assert second["endpoint"] == first["endpoint"]
    assert default(client, second["endpoint"]) == second["deployment"]
    assert {each["name"] for each in deployments(client, second["endpoint"])} == {
        first["deployment"],
        second["deployment"],
    }
    third = succeeded(client, client.upload(rows(1), f"{name}.csv").run_id)
    assert (third["endpoint"], third["model_version"]) == (first["endpoint"], "3")
    assert default(client, third["endpoint"]) == third["deployment"]
    assert {each["name"] for each in deployments(client, third["endpoint"])} == {
        second["deployment"],
        third["deployment"],
    }
    assert not third["warnings"]


def test_the_newer_upload_is_the_default_even_if_it_finishes_first(
    client: Client, controls: Controls, name: str
) -> None:
    keep_one = {"keep_deployments": "1"}
    older = client.upload(rows(0), f"{name}.csv", keep_one)
    own = naming.deployment_name(older.run_id)
    held = controls.arm_fault("machinelearning.job", "delay", {"deployment": f"^{own}$"}, seconds=600)
    client.wait(older.run_id, until=stage_is("smoke_test"))
    newer = client.upload(rows(1), f"{name}.csv", keep_one)
    last = succeeded(client, newer.run_id)
    controls.disarm(held["id"])
    first = succeeded(client, older.run_id)
    assert first["ended_at"] > last["ended_at"], "the older run was to finish last"
    assert (first["outcome"], last["outcome"]) == ("superseded", "promoted")
    assert default(client, last["endpoint"]) == last["deployment"]
    kept = {each["name"] for each in deployments(client, last["endpoint"])}
    assert kept == {last["deployment"]}, "the superseded run deletes its own"


@pytest.mark.parametrize(
    ("body", "metadata", "cause"),
    [
        (rows(), {"label": "clas"}, 'label column "clas" is not in the header (found: width, height, kind)'),
        (b"\n\n", {}, "the file is empty"),
        (b"width,height,kind\n", {}, "a header but no data row"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", {}, "it is a picture (PNG), not a CSV"),
        (b"PK\x03\x04\0\0\0\0binary", {}, "the zip stream is cut off"),
        (b"", {}, "the file is empty"),
        (rows(), {"epochs": "many"}, 'metadata epochs: "many" was given'),
    ],
    ids=["label", "blank", "header only", "binary", "zip", "0 bytes", "setting"],
)
def test_bad_data_fails_before_any_training(
    client: Client, name: str, body: bytes, metadata: dict[str, str], cause: str
) -> None:
    upload = client.upload(body, f"{name}.csv", metadata)
    if not body:
        # The event of an empty blob starts no run.
        assert client.start_run(upload.dataset)["run_id"] == upload.run_id
    run = failed(client, upload.run_id)
    assert run["source"] == ("event" if body else "http")
    assert cause in run["error"]["message"]
    assert upload.dataset in run["error"]["message"]
    assert run["error"]["stage"] == "inspect_dataset"
    assert pipeline_runs(client, upload.run_id) == []
    written = [each.name for each in client.container.list_blobs() if upload.run_id in each.name]
    record = f"app/runs/{upload.run_id}/run.json"
    assert [name for name in written if not name.startswith("index/")] == [record]
    assert finished(client, upload.run_id)["pipeline_run_id"] == ""
