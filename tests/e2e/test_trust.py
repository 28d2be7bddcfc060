"""Input from outside is not trusted: calls need their key or token, and names are never interpreted."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from localcloud.controls import Controls
from localcloud.credentials import Principal
from localcloud.identities import client_id_of
from localcloud.stack import Stack

from tests.e2e.conftest import (
    Served,
    default,
    deployments,
    failed,
    finished,
    pipeline_runs,
    rows,
    stage_is,
    versions,
)
from tests.e2e.forgery import WebhookKey
from tests.waiting import wait_for
from touchdown import local
from touchdown.client import ApiError, Client
from touchdown.local.deploying import outputs
from touchdown.local.names import FACTORY_ID, identity_id

pytestmark = pytest.mark.e2e


def test_calls_without_their_key_or_token_do_nothing(
    cloud: Stack, client: Client, controls: Controls, name: str
) -> None:
    home, container = cloud.home, outputs(cloud.home)["CONTAINER"]
    controls.pause_deliveries()
    try:
        upload = client.upload(rows(), f"{name}.csv")
        without_key = httpx.post(f"{home.functions_url}/api/runs", json={"dataset": upload.dataset})
        event = [
            {
                "id": "1",
                "topic": "t",
                "subject": f"/blobServices/default/containers/{container}/blobs/{upload.path}",
                "eventType": "Microsoft.Storage.BlobCreated",
                "eventTime": "2026-05-01T00:00:00Z",
                "dataVersion": "",
                "data": {"api": "PutBlob", "eTag": upload.etag},
            }
        ]
        with_wrong_key = httpx.post(
            f"{home.functions_url}/runtime/webhooks/EventGrid",
            params={"functionName": "on_blob_created", "code": "guess"},
            headers={"aeg-event-type": "Notification"},
            json=event,
        )
        without_token = client.http.post(
            f"{home.resource_manager}{FACTORY_ID}/pipelines/train/createRun",
            params={"api-version": "2018-06-01"},
            json={"runId": upload.run_id, "dataset": upload.path, "etag": upload.etag},
        )
        assert (without_key.status_code, with_wrong_key.status_code) == (401, 401)
        assert without_token.status_code == 401
        assert without_token.json()["error"]["code"] == "AuthenticationFailed"
        assert client.find(upload.run_id) is None
    finally:
        client.container.delete_blob(upload.path)
        controls.resume_deliveries()
    # Events arrive in any order, so this upload waits until the other event has been delivered.
    finished(client, client.upload(b"\n", f"{name}-later.csv").run_id)
    assert client.find(upload.run_id) is None, "nothing is claimed for a dataset that is not there"


def test_hostile_names_and_bodies_forge_no_line_of_a_log_and_start_nothing(
    cloud: Stack, client: Client, name: str
) -> None:
    """A name with CR and LF forged a line of the log, ESC reached the terminal, an event failed a run."""
    home = cloud.home
    forged = f"{name}\r\n2026-11-30T00:00:00.000Z Information Function.on_blob_created.User {name} is fine"
    uploader = replace(client.target, credential=Principal(home, "uploader"))
    hostile = f"datasets/{forged}\x1b[2J\u202e.csv"
    with Client(uploader) as uploads:
        uploads.container.upload_blob(hostile, rows())
    try:
        webhook = WebhookKey(home, client.target.container)
        for changed in (
            {"id": forged},
            {"subject": forged},
            {"eventType": forged},
            {"data": {"eTag": forged}},
        ):
            assert webhook.post([webhook.event(hostile, **changed)]) == 202
        assert webhook.post("[" * 100_000) == 400
        # The host reads the JSON and the library of the worker the time, before the app is called.
        assert webhook.post("no JSON") == 500
        for time in (forged, "yesterday", 7):
            assert webhook.post([webhook.event(f"datasets/{name}-now.csv", eventTime=time)]) == 500
        for number in range(20):
            absent = f"datasets/{name}-absent-{number}.csv"
            assert (
                webhook.post([webhook.event(absent, eventTime=f"{2026 + 50 * number}-01-01T00:00:00Z")])
                == 202
            )
        for wrong in (json.dumps({"dataset": f"{forged}.csv"}), '{"dataset":' * 100_000):
            with pytest.raises(ApiError) as refused:
                client.api("POST", "runs", content=wrong)
            assert refused.value.status == 400
        # Events arrive in any order, so this upload waits until the other one's has been delivered.
        finished(client, client.upload(b"\n", f"{name}-later.csv").run_id)
    finally:
        client.container.delete_blob(hostile)
    assert [run["dataset"] for run in client.runs() if name in run["dataset"]] == [f"{name}-later.csv"]
    for part in ("functions", "cloud"):
        lines = (home.logs / f"{part}.log").read_text().split("\n")
        assert all(line.isprintable() for line in lines)
        assert not [line for line in lines if line.endswith(f"{name} is fine")]


def test_an_upload_moves_no_model_of_another_team(client: Client, classes: Served, name: str) -> None:
    """The metadata of an upload had a worse model replace another team's, and its deployment pruned."""
    team = classes.run
    registered = versions(client, team["model_name"])
    place = {"endpoint_name": team["endpoint"], "model_name": team["model_name"]}
    loose = {"tolerance": "1", "min_accuracy": "0"}
    upload = client.upload(rows(1), f"{name}-of-b.csv", place | loose)
    by_metadata = failed(client, upload.run_id)
    assert (by_metadata["error"]["stage"], by_metadata["error"]["code"]) == (
        "inspect_dataset",
        "SettingNotAllowed",
    )
    assert "metadata model_name" in by_metadata["error"]["message"]
    given = place | {"tolerance": 0}
    by_http = failed(client, client.start_run(upload.dataset, given, rerun=True)["run_id"])
    assert (by_http["error"]["stage"], by_http["error"]["code"]) == ("start_training", "EndpointTaken")
    assert f'belongs to dataset "{classes.file.removesuffix(".csv")}"' in by_http["error"]["message"]
    with pytest.raises(ApiError) as refused:
        client.start_run(upload.dataset, place, rerun=True, take_over=True)
    assert (refused.value.status, refused.value.code) == (403, "TakeOverNotAllowed")
    assert [pipeline_runs(client, each["run_id"]) for each in (by_metadata, by_http)] == [[], []]
    assert default(client, team["endpoint"]) == team["deployment"]
    assert [each["name"] for each in deployments(client, team["endpoint"])] == [team["deployment"]]
    assert versions(client, team["model_name"]) == registered


SIGNS = "a;touch x.csv `touch x.csv`&&touch x.csv|x y'\"$(touch x.csv)"
HOSTILE = f"{SIGNS}{'n' * (900 - len(SIGNS))}.csv"
"""Signs of a shell, in a name of 900 characters and its ending."""


def test_neither_a_hostile_name_nor_forged_model_events_change_a_run(
    cloud: Stack, client: Client, controls: Controls
) -> None:
    """The name is used and never interpreted; only the model of the run itself ends its wait."""
    node = Principal(cloud.home, "pool", client_id_of(identity_id("training")))
    held = controls.arm_fault("batch.task", "delay", seconds=600, times=None)
    upload = client.upload(rows(), HOSTILE)
    client.wait(upload.run_id, until=stage_is("wait"))
    # A model in the wrong folder, and a model of a run that does not exist.
    forged = (f"runs/{upload.run_id}/elsewhere/MLmodel", "runs/nobody-0123/0/x/artifacts/model/MLmodel")
    with Client(replace(local.target(cloud.home), credential=node)) as other:
        for path in forged:
            other.put_blob(path, b"flavors: {}")
    wait_for(lambda: all(delivered(controls, path) for path in forged))
    controls.disarm(held["id"])

    run = finished(client, upload.run_id)
    assert (run["status"], run["outcome"]) == ("Succeeded", "promoted"), run["error"]
    assert run["dataset"] == HOSTILE
    assert [line["run_id"] for line in client.runs(dataset=HOSTILE)] == [run["run_id"]]
    made = [path for path in cloud.home.root.rglob("x.csv") if path.is_file()]
    assert made == []
    assert not Path("x.csv").exists()


def delivered(controls: Controls, path: str) -> bool:
    return any(each["subject"].endswith(path) for each in controls.deliveries(state="Delivered"))


@pytest.mark.parametrize("dataset", ["../x.csv", "a/b.csv", "a\\b.csv", "x.xlsx", ".csv", ""])
def test_a_name_with_a_path_in_it_is_refused(client: Client, dataset: str) -> None:
    with pytest.raises(ApiError) as refused:
        client.start_run(dataset)
    assert (refused.value.status, refused.value.code) == (400, "InvalidDatasetName")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("scoring/other/x.csv", rows()),
        ("datasets/deeper/x.csv", rows()),
        ("datasets/notes.md", rows()),
        ("datasets/main.py", rows()),
        ("datasets/empty.csv", b""),
    ],
)
def test_a_blob_that_is_no_dataset_starts_no_run(client: Client, name: str, path: str, body: bytes) -> None:
    before = {line["run_id"] for line in client.runs()}
    client.put_blob(path, body)
    # Events arrive in any order, so this upload waits until the other event has been delivered.
    marker = client.upload(b"\n", f"{name}.csv")
    finished(client, marker.run_id)
    assert {line["run_id"] for line in client.runs()} - before == {marker.run_id}
