"""Which deployment an endpoint serves and which it keeps, step by step: what is not done is as important."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from activities.promotion import delete_deployment, endpoint_lease, promote, prune_deployments
from runs.errors import RefusedError
from runs.record import Approval
from runs.steps import CleanUp, PolledStep, Promotion, PromotionInput, ProvisioningStatus
from services import blobs, endpoint_history, run_files, run_store
from tests.unit.kept import kept
from tests.unit.machine_learning import OF_IRIS, OPERATION, Workspace
from tests.unit.rehearsed import DEPLOYMENT, REQUEST, RUN, UPLOAD
from tests.unit.wire import SETTINGS as APP
from trainer.model_digest import digest_of

WANTED = PromotionInput(RUN, UPLOAD.etag)
NEWER = {"uploaded": "2026-01-02T00:00:00.000000Z", "run": "newer"}
SAME = {"uploaded": UPLOAD.uploaded_at, "run": "first"}
OLDER = {"uploaded": "2025-12-31T00:00:00.000000Z", "run": "older"}


def serving(default: str = "", tags: dict[str, str] | None = None, state: str = "Succeeded") -> Workspace:
    """A workspace whose endpoint has this default deployment, and that of the run."""
    workspace = Workspace()
    in_progress(workspace)
    workspace.endpoint("iris", state, default)
    workspace.deployment("iris", DEPLOYMENT, tags=SAME | {"run": RUN})
    if default and default != DEPLOYMENT:
        workspace.deployment("iris", default, tags=tags)
    return workspace


def in_progress(workspace: Workspace, **settings: Any) -> None:
    """The run has been claimed, and its dataset inspected."""
    run_store.claim(REQUEST, workspace.clients)
    kept(workspace.clients, endpoint_name="iris", **settings)


# --- promote ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", [OLDER, SAME, {}], ids=["older", "of the same upload", "not ours"])
def test_a_default_that_is_not_newer_is_replaced(tags: dict[str, str]) -> None:
    workspace = serving("run-0", tags)
    assert promote(WANTED, workspace.clients) == Promotion(False, OPERATION, "")
    ((path, body),) = workspace.put
    assert path == "batchEndpoints/iris"
    assert body["properties"]["defaults"]["deploymentName"] == DEPLOYMENT
    assert body["tags"] == {"model": "iris"} | OF_IRIS, "a PUT replaces all of an endpoint"


def test_a_first_default_is_set() -> None:
    workspace = serving()
    assert promote(WANTED, workspace.clients).done is False
    assert len(workspace.put) == 1


def test_a_default_of_a_newer_upload_stays() -> None:
    workspace = serving("run-2", NEWER)
    assert promote(WANTED, workspace.clients) == Promotion(True, "", "superseded")
    assert workspace.put == []


FOLDER = f"runs/{RUN}/0/ab/artifacts/model"


def registered(**changed: bytes) -> Workspace:
    """The run's deployment serves a version of these files, some of which were changed afterwards."""
    workspace = serving("run-0", OLDER)
    files = {"MLmodel": b"flavors: {}", "model.pkl": b"1"}
    digest = digest_of({name: sha256(content).hexdigest() for name, content in files.items()})
    for name, content in (files | changed).items():
        workspace.blobs.put(f"{FOLDER}/{name}", content)
    version = f"{APP.workspace_id}/models/iris/versions/7"
    deployment = workspace.resources[f"batchEndpoints/iris/deployments/{DEPLOYMENT}"]
    deployment["properties"]["model"] = {"referenceType": "Id", "assetId": version}
    properties = {
        "modelType": "mlflow_model",
        "modelUri": f"azureml://datastores/{APP.datastore}/paths/{FOLDER}",
        "flavors": {},
        "tags": {"run": RUN, "sha256": digest},
    }
    workspace.resources["models/iris/versions/7"] = {"properties": properties}
    return workspace


def test_a_model_whose_files_are_those_that_were_registered_is_promoted() -> None:
    workspace = registered()
    assert promote(WANTED, workspace.clients) == Promotion(False, OPERATION, "")
    assert len(workspace.put) == 1


@pytest.mark.parametrize(
    "changed", [{"model.pkl": b"2"}, {"code/sitecustomize.py": b"import os"}], ids=["changed", "added"]
)
def test_a_model_that_was_changed_after_it_was_tested_and_approved_is_not_promoted(
    changed: dict[str, bytes],
) -> None:
    workspace = registered(**changed)
    with pytest.raises(RefusedError, match=f"model iris:7: the files in {FOLDER} are not those") as refused:
        promote(WANTED, workspace.clients)
    assert refused.value.code == "ModelChanged"
    assert workspace.put == []


def test_an_endpoint_that_is_being_updated_is_left_alone() -> None:
    workspace = serving("run-0", OLDER, "Updating")
    assert promote(WANTED, workspace.clients) == Promotion(False, "", "")
    assert workspace.put == []


def test_a_promotion_is_done_once_the_endpoint_has_the_default() -> None:
    workspace = serving(DEPLOYMENT)
    done = promote(replace(WANTED, operation_url=OPERATION), workspace.clients)
    assert done == Promotion(True, OPERATION, "promoted")


def test_who_was_the_default_since_when_is_kept_once() -> None:
    workspace = serving("run-0", OLDER)
    path = endpoint_history.path_of("iris", RUN)
    promote(WANTED, workspace.clients)
    assert blobs.read(path, workspace.clients) is None, "it is not the default yet"
    workspace.endpoint("iris", "Succeeded", DEPLOYMENT)
    promote(replace(WANTED, operation_url=OPERATION), workspace.clients)
    note = blobs.read(path, workspace.clients)
    assert note is not None
    found = json.loads(note.data)
    assert path == f"app/endpoints/iris/{RUN}.json"
    since = found.pop("since")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(since)) < timedelta(hours=1)
    assert found == {
        "endpoint": "iris",
        "deployment": DEPLOYMENT,
        "run_id": RUN,
        "dataset": UPLOAD.dataset,
        "etag": UPLOAD.etag,
        "uploaded_at": UPLOAD.uploaded_at,
    }
    promote(replace(WANTED, operation_url=OPERATION), workspace.clients)
    again = blobs.read(path, workspace.clients)
    assert again is not None
    assert again.data == note.data


def test_while_another_run_holds_the_lease_nothing_is_updated() -> None:
    workspace = serving("run-0", OLDER)
    clients = workspace.clients
    with endpoint_lease("iris", clients) as first:
        assert first
        assert promote(WANTED, clients) == Promotion(False, "", "")
    assert workspace.put == []
    assert promote(WANTED, clients).operation_url == OPERATION


def test_an_update_that_failed_in_this_run_is_refused_with_its_reason() -> None:
    workspace = serving("run-0", OLDER, "Failed")
    workspace.failure = {"code": "InternalError", "message": "it broke"}
    with pytest.raises(RefusedError, match="endpoint iris: InternalError: it broke") as refused:
        promote(replace(WANTED, operation_url=OPERATION), workspace.clients)
    assert refused.value.code == "PromotionFailed"
    assert workspace.put == []


def test_an_update_that_another_run_has_overtaken_is_decided_again_by_the_age_of_the_upload() -> None:
    again = replace(WANTED, operation_url="https://management.azure.com/operations/0")
    older = serving("run-0", OLDER)
    assert promote(again, older.clients) == Promotion(False, OPERATION, "")
    assert len(older.put) == 1
    newer = serving("run-2", NEWER)
    assert promote(again, newer.clients) == Promotion(True, again.operation_url, "superseded")
    assert newer.put == []


def test_an_endpoint_whose_update_failed_before_this_run_is_updated() -> None:
    workspace = serving("run-0", OLDER, "Failed")
    assert promote(WANTED, workspace.clients).operation_url == OPERATION


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "iris-csv-aaaaaaaaaaaaaaaa"},
        {"etag": "0xF"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_promotion_that_storage_knows_nothing_of_is_refused(changes: dict[str, Any]) -> None:
    workspace = serving("run-0", OLDER)
    with pytest.raises(RefusedError) as refused:
        promote(replace(WANTED, **changes), workspace.clients)
    assert (refused.value.code, workspace.put) == ("WrongRun", [])


def test_a_run_that_has_ended_promotes_nothing() -> None:
    workspace = serving("run-0", OLDER)
    run_store.write(replace(run_store.claimed(REQUEST), status="Cancelled"), workspace.clients)
    with pytest.raises(RefusedError) as refused:
        promote(WANTED, workspace.clients)
    assert (refused.value.code, workspace.put) == ("WrongRun", [])


SINCE = "2026-01-01T00:03:08.000Z"


@pytest.mark.parametrize(("approval", "since"), [("required", ""), ("required", SINCE), ("none", SINCE)])
@pytest.mark.parametrize("kept", ["approved", "rejected", "in another wait", "nothing"])
def test_a_run_that_needs_an_approval_promotes_only_with_the_one_that_is_kept(
    approval: str, since: str, kept: str
) -> None:
    workspace = serving("run-0", OLDER)
    in_progress(workspace, approval=approval)
    if kept != "nothing":
        verdict: Any = "rejected" if kept == "rejected" else "approved"
        wait = "2025-01-01T00:00:00.000Z" if kept == "in another wait" else SINCE
        run_files.keep_decision(RUN, wait, Approval(verdict, "somebody", "t"), workspace.clients)
    wanted = replace(WANTED, decided_since=since)
    if kept == "approved" and since:
        assert promote(wanted, workspace.clients).operation_url == OPERATION
        return
    with pytest.raises(RefusedError) as refused:
        promote(wanted, workspace.clients)
    assert (refused.value.code, workspace.put) == ("NotApproved", [])


# --- prune_deployments ----------------------------------------------------------------------------------


PRUNE = PolledStep(RUN, UPLOAD.etag)


def test_a_deployment_that_is_being_deleted_is_waited_for_and_not_deleted_again() -> None:
    workspace = serving(DEPLOYMENT)
    in_progress(workspace, keep_deployments=1)
    workspace.deployment("iris", "run-0", "Deleting", OLDER)
    assert prune_deployments(PRUNE, workspace.clients) == ProvisioningStatus(False, "")
    assert workspace.deleted == []
    del workspace.resources["batchEndpoints/iris/deployments/run-0"]
    assert prune_deployments(PRUNE, workspace.clients) == ProvisioningStatus(True, "")


def test_only_deployments_of_ended_runs_that_touchdown_made_are_pruned() -> None:
    workspace = serving(DEPLOYMENT)
    in_progress(workspace, keep_deployments=1)
    clients = workspace.clients
    workspace.deployment("iris", "theirs", tags={"run": "older"})
    workspace.deployment("iris", "running", tags=OLDER | {"run": "running"})
    workspace.deployment("iris", "ended", tags=OLDER | {"run": "ended"})
    workspace.deployment("iris", "forgotten", tags=OLDER | {"run": "forgotten"})
    for run_id, status in (("running", "Running"), ("ended", "Failed")):
        record = run_store.claimed(replace(REQUEST, run_id=run_id))
        run_store.write(replace(record, status=status), clients)  # type: ignore[arg-type]
    assert not prune_deployments(PRUNE, clients).done
    names = {path.rpartition("/")[2] for path in workspace.deleted}
    assert names == {"ended", "forgotten"}


def test_the_default_counts_as_one_of_those_to_keep() -> None:
    workspace = serving("run-old", {"uploaded": "2020-01-01T00:00:00.000000Z", "run": "old"})
    workspace.deployment("iris", "run-0", tags=OLDER)
    other = kept(workspace.clients, run_id="other", endpoint_name="iris", keep_deployments=2)
    prune_deployments(replace(PRUNE, run_id="other"), other)
    assert workspace.deleted == ["batchEndpoints/iris/deployments/run-0"]


# --- delete_deployment ----------------------------------------------------------------------------------

LEFT = CleanUp(RUN, UPLOAD.etag)


def test_the_deployment_of_a_run_that_is_cleaned_up_is_deleted_and_waited_for() -> None:
    workspace = serving("run-0", OLDER)
    assert delete_deployment(LEFT, workspace.clients) == ProvisioningStatus(False)
    assert workspace.deleted == [f"batchEndpoints/iris/deployments/{DEPLOYMENT}"]
    workspace.deployment("iris", DEPLOYMENT, "Deleting")
    assert delete_deployment(LEFT, workspace.clients) == ProvisioningStatus(False)
    assert len(workspace.deleted) == 1
    del workspace.resources[f"batchEndpoints/iris/deployments/{DEPLOYMENT}"]
    assert delete_deployment(LEFT, workspace.clients) == ProvisioningStatus(True)


def test_a_default_is_not_deleted_and_neither_is_anything_while_the_endpoint_is_updated() -> None:
    workspace = serving(DEPLOYMENT)
    assert delete_deployment(LEFT, workspace.clients) == ProvisioningStatus(True)
    updating = serving("run-0", OLDER, "Updating")
    assert delete_deployment(LEFT, updating.clients) == ProvisioningStatus(False)
    assert workspace.deleted == updating.deleted == []
