"""Which deployment an endpoint serves and which it keeps, step by step: what is not done is as important."""

from dataclasses import replace

import pytest

from activities.promotion import delete_deployment, endpoint_lease, promote, prune_deployments
from runs.contracts import CleanUp, Promotion, PromotionInput, ProvisioningStatus, PruneInput
from runs.errors import RefusedError
from services import run_store
from tests.unit.machine_learning import OF_IRIS, OPERATION, Workspace
from tests.unit.rehearsed import REQUEST, RUN, UPLOAD

WANTED = PromotionInput(RUN, UPLOAD, "iris", "run-1", "iris_classification", take_over=False)
NEWER = {"uploaded": "2026-01-02T00:00:00.000000Z", "run": "newer"}
SAME = {"uploaded": UPLOAD.uploaded_at, "run": "first"}
OLDER = {"uploaded": "2025-12-31T00:00:00.000000Z", "run": "older"}


def serving(default: str = "", tags: dict[str, str] | None = None, state: str = "Succeeded") -> Workspace:
    """A workspace whose endpoint has this default deployment, and that of the run."""
    workspace = Workspace()
    workspace.endpoint("iris", state, default)
    workspace.deployment("iris", "run-1", tags=SAME | {"run": RUN})
    if default and default != "run-1":
        workspace.deployment("iris", default, tags=tags)
    return workspace


# --- promote ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", [OLDER, SAME, {}], ids=["older", "of the same upload", "not ours"])
def test_a_default_that_is_not_newer_is_replaced(tags: dict[str, str]) -> None:
    workspace = serving("run-0", tags)
    assert promote(WANTED, workspace.clients) == Promotion(False, OPERATION, "")
    ((path, body),) = workspace.put
    assert path == "batchEndpoints/iris"
    assert body["properties"]["defaults"]["deploymentName"] == "run-1"
    assert body["tags"] == {"model": "iris"} | OF_IRIS, "a PUT replaces all of an endpoint"


def test_a_first_default_is_set() -> None:
    workspace = serving()
    assert promote(WANTED, workspace.clients).done is False
    assert len(workspace.put) == 1


def test_a_default_of_a_newer_upload_stays() -> None:
    workspace = serving("run-2", NEWER)
    assert promote(WANTED, workspace.clients) == Promotion(True, "", "superseded")
    assert workspace.put == []


def test_an_endpoint_that_is_being_updated_is_left_alone() -> None:
    workspace = serving("run-0", OLDER, "Updating")
    assert promote(WANTED, workspace.clients) == Promotion(False, "", "")
    assert workspace.put == []


def test_a_promotion_is_done_once_the_endpoint_has_the_default() -> None:
    workspace = serving("run-1")
    done = promote(replace(WANTED, operation_url=OPERATION), workspace.clients)
    assert done == Promotion(True, OPERATION, "promoted")


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


# --- prune_deployments ----------------------------------------------------------------------------------


def test_a_deployment_that_is_being_deleted_is_waited_for_and_not_deleted_again() -> None:
    workspace = serving("run-1")
    workspace.deployment("iris", "run-0", "Deleting", OLDER)
    prune = PruneInput(RUN, UPLOAD, "iris", 1, "")
    assert prune_deployments(prune, workspace.clients) == ProvisioningStatus(False, "")
    assert workspace.deleted == []
    del workspace.resources["batchEndpoints/iris/deployments/run-0"]
    assert prune_deployments(prune, workspace.clients) == ProvisioningStatus(True, "")


def test_only_deployments_of_ended_runs_that_touchdown_made_are_pruned() -> None:
    workspace = serving("run-1")
    clients = workspace.clients
    workspace.deployment("iris", "theirs", tags={"run": "older"})
    workspace.deployment("iris", "running", tags=OLDER | {"run": "running"})
    workspace.deployment("iris", "ended", tags=OLDER | {"run": "ended"})
    workspace.deployment("iris", "forgotten", tags=OLDER | {"run": "forgotten"})
    for run_id, status in (("running", "Running"), ("ended", "Failed")):
        record = run_store.claimed(replace(REQUEST, run_id=run_id))
        run_store.write(replace(record, status=status), clients)  # type: ignore[arg-type]
    assert not prune_deployments(PruneInput(RUN, UPLOAD, "iris", 1, ""), clients).done
    names = {path.rpartition("/")[2] for path in workspace.deleted}
    assert names == {"ended", "forgotten"}


def test_the_default_counts_as_one_of_those_to_keep() -> None:
    workspace = serving("run-old", {"uploaded": "2020-01-01T00:00:00.000000Z", "run": "old"})
    workspace.deployment("iris", "run-0", tags=OLDER)
    prune_deployments(PruneInput("other", UPLOAD, "iris", 2, ""), workspace.clients)
    assert workspace.deleted == ["batchEndpoints/iris/deployments/run-0"]


# --- delete_deployment ----------------------------------------------------------------------------------


def test_the_deployment_of_a_run_that_is_cleaned_up_is_deleted_and_waited_for() -> None:
    workspace = serving("run-0", OLDER)
    left = CleanUp(RUN, endpoint="iris", deployment="run-1")
    assert delete_deployment(left, workspace.clients) == ProvisioningStatus(False)
    assert workspace.deleted == ["batchEndpoints/iris/deployments/run-1"]
    workspace.deployment("iris", "run-1", "Deleting")
    assert delete_deployment(left, workspace.clients) == ProvisioningStatus(False)
    assert len(workspace.deleted) == 1
    del workspace.resources["batchEndpoints/iris/deployments/run-1"]
    assert delete_deployment(left, workspace.clients) == ProvisioningStatus(True)


def test_a_default_is_not_deleted_and_neither_is_anything_while_the_endpoint_is_updated() -> None:
    left = CleanUp(RUN, endpoint="iris", deployment="run-1")
    workspace = serving("run-1")
    assert delete_deployment(left, workspace.clients) == ProvisioningStatus(True)
    updating = serving("run-0", OLDER, "Updating")
    assert delete_deployment(left, updating.clients) == ProvisioningStatus(False)
    assert workspace.deleted == updating.deleted == []
    assert delete_deployment(CleanUp(RUN), workspace.clients) == ProvisioningStatus(True)
