"""The dataset of a check, the names that its run has, and what is said of its end."""

from dataclasses import replace
from typing import cast

import pytest

from runs.resolving import resolve
from runs.settings import checked
from tests.unit.touchdown.checking.azure import Azure
from tests.unit.wire import SETTINGS
from touchdown.checking import first_run
from touchdown.checking.findings import Outcome
from touchdown.client import Client, Json, UploadedDataset

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


def test_the_dataset_has_150_rows_of_three_classes_and_is_always_the_same() -> None:
    header, *rows = first_run.rows().decode().splitlines()
    assert header.split(",")[-1] == "kind"
    assert len(rows) == 150
    assert sorted({row.split(",")[-1] for row in rows}) == ["middle", "north", "south"]
    assert first_run.rows() == first_run.rows()


def test_two_checks_share_no_name() -> None:
    first, second = first_run.named(WORKSPACE), first_run.named(WORKSPACE)
    assert {first.dataset, first.model, first.endpoint}.isdisjoint(
        {second.dataset, second.model, second.endpoint}
    )
    assert checked({"endpoint_name": first.endpoint, "model_name": first.model})


def test_the_names_of_a_check_are_those_that_its_run_has_by_default() -> None:
    """Metadata may not set them."""
    uploaded: dict[str, str] = {}

    class Uploads:
        def upload(self, _: bytes, name: str, metadata: dict[str, str]) -> UploadedDataset:
            uploaded.update(metadata, name=name)
            return UploadedDataset(name, f"datasets/{name}", "0x1", "r")

    app = replace(SETTINGS, subscription="s", resource_group="g", workspace="w")
    attempt = first_run.named(app.workspace_id)
    first_run.upload(cast(Client, Uploads()), attempt)
    dataset = uploaded.pop("name")
    found = resolve({}, uploaded, app, dataset=dataset, columns=["length", "kind"], task_of=lambda _: "")
    assert (dataset, found.label) == (attempt.dataset, "kind")
    assert (found.model_name, found.endpoint_name) == (attempt.model, attempt.endpoint)


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("TOUCHDOWN_LABEL", ""),
        *[(name, name) for name in ("TOUCHDOWN_MODEL_NAME", "TOUCHDOWN_ENDPOINT_NAME")],
    ],
)
def test_settings_that_give_every_run_one_name_are_told(variable: str, told: str) -> None:
    azure = Azure()
    (listed,) = [each for each in azure.answers if each.endswith("/config/appsettings/list")]
    azure.answers[listed]["properties"][variable] = "x"
    assert first_run.names_for_all(azure.deployment()) == told


def run(**more: object) -> Json:
    stages = [{"name": "wait", "started": "2026-01-01T00:00:00+00:00", "ended": ""}]
    return {"run_id": "r", "status": "Running", "stages": stages, "endpoint": "e", "deployment": "d", **more}


def test_a_run_that_has_scored_is_ok() -> None:
    found = first_run.ended(run(status="Succeeded", predictions=["a"]))
    assert found.outcome is Outcome.OK
    assert "e/d" in found.message


def test_a_run_that_has_scored_and_waits_for_approval_is_ok() -> None:
    waiting = run(stage="approve")
    assert first_run.is_over(waiting)
    assert not first_run.is_over(run(stage="smoke_test"))
    found = first_run.ended(waiting)
    assert (found.outcome, "waits for approval" in found.message) == (Outcome.OK, True)


def test_a_run_that_failed_is_told_with_stage_code_message_and_row() -> None:
    error = {"code": "TrainingFailed", "stage": "wait", "message": "activity Train: 2505: keys"}
    found = first_run.ended(run(status="Failed", error=error))
    assert found.outcome is Outcome.FAILED
    assert found.message == "run r failed at wait: TrainingFailed: activity Train: 2505: keys"
    assert found.row.startswith("`TrainingFailed`, 2505")


@pytest.mark.parametrize("without_nodes", ["", "pool trainers has no node. AccountCoreQuotaReached: full"])
def test_a_run_that_does_not_end_is_told_with_its_stage(without_nodes: str) -> None:
    found = first_run.stuck(run(), 60, without_nodes)
    assert found.outcome is Outcome.FAILED
    assert "still at wait after 60 s" in found.message
    assert without_nodes in found.message
    assert found.row.startswith("`wait` for more than 30 minutes") == bool(without_nodes)


def test_a_long_training_is_told_with_what_the_pool_says() -> None:
    azure = Azure()
    pool = azure.of("batchAccounts/pools")["properties"]
    pool["resizeOperationStatus"] = {"errors": [{"code": "AccountCoreQuotaReached", "message": "full"}]}
    reported: list[Json] = []
    watched = first_run.Watched(azure.deployment(), reported.append)
    watched(run())
    assert reported[-1]["waiting_for"] == "pool trainers has no node. AccountCoreQuotaReached: full"
    pool["currentDedicatedNodes"] = 1
    assert first_run.resize_error(azure.deployment()) == ""
