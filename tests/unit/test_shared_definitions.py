"""localcloud accepts the definitions that Bicep deploys exactly as they are."""

import json
from datetime import timedelta

from localcloud.datafactory import reading
from localcloud.eventgrid.events import BLOB_CREATED, Event

from tests.checkout import DEFINITIONS
from tests.unit.subscriptions import CONTAINER, subscriptions
from touchdown.local.names import STORAGE_ID


def test_the_pipeline_that_bicep_deploys_is_accepted_unchanged() -> None:
    definition = json.loads((DEFINITIONS / "pipeline.json").read_text())
    pipeline = reading.read(definition["name"], definition["properties"])
    assert pipeline.linked_services() == {"batch", "storage"}
    assert pipeline.concurrency == 20
    [train] = pipeline.activities
    assert train.policy.timeout == timedelta(days=7)
    arguments = pipeline.arguments({"runId": "r", "dataset": "datasets/a.csv", "etag": "0x1"})
    assert (arguments["epochs"], arguments["lr"], arguments["label"]) == (50, 0.1, "")


def test_the_shared_subscriptions_send_datasets_and_models_to_the_app() -> None:
    def wanted_by(blob: str) -> list[str]:
        subject = f"/blobServices/default/containers/{CONTAINER}/blobs/{blob}"
        event = Event("1", STORAGE_ID, subject, BLOB_CREATED, "", {"api": "PutBlob"})
        return [each.name for each in subscriptions() if each.filter.matches(event)]

    assert wanted_by("datasets/iris_csv.csv") == ["datasets"]
    assert wanted_by("runs/r1/0/m1/artifacts/model/MLmodel") == ["models"]
    assert wanted_by("runs/r1/0/m1/artifacts/metrics.json") == []
    assert {each.function_name for each in subscriptions()} == {"on_blob_created"}
    assert {(each.max_attempts, each.ttl) for each in subscriptions()} == {(30, 86400)}
