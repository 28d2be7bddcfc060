"""The steps that make cluster, endpoint and deployment: once, and with Azure's own reason if that fails."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from activities.provisioning import deploy_model, ensure_compute, ensure_endpoint
from runs import remedies
from runs.errors import RefusedError
from runs.steps import DeploymentInput, PolledStep, ProvisioningStatus
from services.clients import Clients
from services.operations import NO_OPERATION_URL, UNKNOWN_REASON
from tests.checkout import CHECKOUT
from tests.unit.kept import kept
from tests.unit.machine_learning import OF_IRIS, OPERATION, PUBLIC
from tests.unit.machine_learning import Workspace as Bare
from tests.unit.rehearsed import DEPLOYMENT, RUN, UPLOAD
from tests.unit.wire import Answer

STEP = PolledStep(RUN, UPLOAD.etag)
DEPLOY = DeploymentInput(RUN, UPLOAD.etag, "3")
BEGUN = ProvisioningStatus(False, OPERATION)
"""The status that a step returns after it has started to create a resource."""
REASON = {"code": "QuotaExceeded", "message": "no cores left"}


class Workspace(Bare):
    """A workspace, and the settings of the run in storage, which name the endpoint "iris"."""

    @property
    def clients(self) -> Clients:
        return kept(super().clients, endpoint_name="iris")


def test_the_cluster_that_is_made_is_the_one_that_the_template_deploys_on_request() -> None:
    snapshot = json.loads((CHECKOUT / "tests" / "bicep" / "image-build.snapshot.json").read_text())
    (deployed,) = [each for each in snapshot["predictedResources"] if each["type"].endswith("/computes")]
    workspace = Workspace()
    ensure_compute(STEP, workspace.clients)
    ((path, made),) = workspace.put
    assert deployed["id"].endswith(path)
    assert made["properties"].pop("properties") == deployed["properties"].pop("properties") | {
        "enableNodePublicIp": True
    }
    assert made["properties"] == deployed["properties"]


def test_what_is_missing_is_made() -> None:
    workspace = Workspace()
    clients = workspace.clients
    assert ensure_compute(STEP, clients) == BEGUN
    assert ensure_endpoint(STEP, clients) == BEGUN
    workspace.endpoint("iris")
    assert deploy_model(DEPLOY, clients) == BEGUN
    (compute, cluster), (endpoint, made), (deployment, of) = workspace.put
    assert compute == "computes/cpu-cluster"
    assert cluster["properties"]["properties"]["vmSize"] == "Standard_DS3_v2"
    assert cluster["properties"]["properties"]["scaleSettings"] == {
        "minNodeCount": 0,
        "maxNodeCount": 2,
        "nodeIdleTimeBeforeScaleDown": "PT5M",
    }
    assert cluster["properties"]["properties"]["vmPriority"] == "Dedicated"
    assert cluster["tags"] == {"made_by": "touchdown"}
    assert cluster["properties"]["disableLocalAuth"] is True
    assert cluster["properties"]["properties"]["remoteLoginPortPublicAccess"] == "Disabled"
    assert endpoint == "batchEndpoints/iris"
    assert made["tags"] == {"model": "iris_classification"} | OF_IRIS
    assert made["properties"]["description"] == "Serves iris_classification."
    assert deployment == f"batchEndpoints/iris/deployments/{DEPLOYMENT}"
    assert of["tags"] == {
        "run": RUN,
        "dataset": "iris_csv.csv",
        "etag": UPLOAD.etag,
        "uploaded": UPLOAD.uploaded_at,
        "model_name": "iris_classification",
        "model_version": "3",
    }
    properties = of["properties"]
    assert properties["model"]["assetId"].endswith("/models/iris_classification/versions/3")
    assert properties["description"] == f"iris_classification version 3, of run {RUN}."
    assert properties["compute"].endswith("cpu-cluster")
    assert (properties["outputAction"], properties["outputFileName"]) == ("AppendRow", "predictions.csv")
    assert (properties["errorThreshold"], properties["miniBatchSize"]) == (0, 10)
    assert (properties["maxConcurrencyPerInstance"], properties["loggingLevel"]) == (1, "info")
    assert properties["resources"]["instanceCount"] == 1
    assert properties["retrySettings"] == {"maxRetries": 3, "timeout": "PT1H"}


@pytest.mark.parametrize(("state", "done"), [("Succeeded", True), ("Creating", False), ("Updating", False)])
@pytest.mark.parametrize("operation", ["", OPERATION])
def test_what_is_there_is_left_as_it_is(state: str, done: bool, operation: str) -> None:
    workspace = Workspace()
    clients = workspace.clients
    workspace.compute("cpu-cluster", state)
    workspace.endpoint("iris", state)
    workspace.deployment("iris", DEPLOYMENT, state)
    status = ProvisioningStatus(done, operation)
    again = replace(STEP, operation_url=operation)
    assert ensure_compute(again, clients) == status
    assert ensure_endpoint(again, clients) == status
    assert deploy_model(replace(DEPLOY, operation_url=operation), clients) == status
    assert workspace.put == []


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
def test_a_cluster_or_endpoint_that_failed_before_this_run_is_submitted_again(state: str) -> None:
    workspace = Workspace()
    clients = workspace.clients
    workspace.compute("cpu-cluster", state)
    workspace.endpoint("iris", state, default="run-0")
    assert ensure_compute(STEP, clients) == BEGUN
    assert ensure_endpoint(STEP, clients) == BEGUN
    assert [path for path, _ in workspace.put] == ["computes/cpu-cluster", "batchEndpoints/iris"]
    properties = workspace.put[1][1]["properties"]
    assert properties["defaults"]["deploymentName"] == "run-0", "a PUT replaces all of an endpoint"


def test_what_fails_in_this_run_is_refused_with_the_reason_of_its_operation() -> None:
    workspace = Workspace(failure=REASON)
    clients = workspace.clients
    workspace.compute("cpu-cluster", "Failed")
    workspace.endpoint("iris", "Failed")
    workspace.deployment("iris", DEPLOYMENT, "Failed")
    again = replace(STEP, operation_url=OPERATION)
    attempts: dict[str, Callable[[], ProvisioningStatus]] = {
        "compute cpu-cluster": lambda: ensure_compute(again, clients),
        "endpoint iris": lambda: ensure_endpoint(again, clients),
        f"deployment {DEPLOYMENT}": lambda: deploy_model(replace(DEPLOY, operation_url=OPERATION), clients),
    }
    for what, attempt in attempts.items():
        with pytest.raises(RefusedError) as refused:
            attempt()
        assert refused.value.code == "ProvisioningFailed"
        assert str(refused.value) == f"{what}: Failed: QuotaExceeded: no cores left {remedies.QUOTA}"
    assert workspace.put == []


NO_CORES = {
    "code": "ClusterMinNodesExceedCoreQuota",
    "message": "The specified subscription has a Standard DSv2 family vCPU quota of 0 and cannot accomodate"
    " for at least 1 requested managed compute nodes which maps to 4 vCPUs.",
}


@pytest.mark.parametrize("status", [400, 403, 409])
@pytest.mark.parametrize(
    "error",
    [
        NO_CORES,
        {"code": "UserError", "message": NO_CORES["message"], "details": [NO_CORES]},
        {"code": "BadRequest", "message": "The request is invalid.", "details": [NO_CORES]},
    ],
    ids=["as itself", "as a user's error", "in the details"],
)
def test_a_cluster_without_quota_is_refused_at_once_with_what_to_do(status: int, error: Any) -> None:
    workspace = Workspace(refusal=Answer(status, {"error": error}))
    with pytest.raises(RefusedError) as refused:
        ensure_compute(STEP, workspace.clients)
    assert refused.value.code == "ProvisioningFailed"
    message = str(refused.value)
    assert message.startswith("compute cpu-cluster: ")
    assert "family vCPU quota of 0" in message
    assert message.endswith(remedies.QUOTA)


def test_a_request_that_azure_ml_throttles_is_no_lack_of_cores() -> None:
    error = {"code": "TooManyRequests", "message": "The request rate exceeded the quota of the workspace."}
    workspace = Workspace(refusal=Answer(429, {"error": error}))
    with pytest.raises(HttpResponseError, match="request rate"):
        ensure_compute(STEP, workspace.clients)


def test_another_refusal_of_a_cluster_stays_azures_own() -> None:
    error = {"code": "AuthorizationFailed", "message": "The client may not write computes."}
    workspace = Workspace(refusal=Answer(403, {"error": error}))
    with pytest.raises(HttpResponseError, match="may not write computes"):
        ensure_compute(STEP, workspace.clients)


def test_a_failed_cluster_says_why_itself_if_its_operation_does_not() -> None:
    workspace = Workspace()
    workspace.compute("cpu-cluster", "Failed", NO_CORES["code"])
    with pytest.raises(RefusedError) as refused:
        ensure_compute(replace(STEP, operation_url=NO_OPERATION_URL), workspace.clients)
    assert str(refused.value) == f"compute cpu-cluster: Failed: {NO_CORES['code']}. {remedies.QUOTA}"


def test_a_cluster_that_this_run_makes_has_the_identity_that_the_settings_name() -> None:
    identity = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
    )
    workspace = Workspace()
    clients = replace(workspace.clients, settings=replace(PUBLIC, compute_identity=identity))
    assert ensure_compute(STEP, clients) == BEGUN
    ((_, cluster),) = workspace.put
    assert cluster["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}


def test_a_failed_deployment_is_never_submitted_again() -> None:
    workspace = Workspace()
    workspace.deployment("iris", DEPLOYMENT, "Failed")
    with pytest.raises(RefusedError, match=f"deployment {DEPLOYMENT}: Failed: Azure ML gave no reason"):
        deploy_model(DEPLOY, workspace.clients)
    assert workspace.put == []


def test_an_operation_without_an_address_counts_as_started_by_this_run() -> None:
    """Otherwise a resource that fails in this run would be submitted again and again."""
    workspace = Workspace(names_operations=False)
    clients = workspace.clients
    status = ensure_endpoint(STEP, clients)
    assert status == ProvisioningStatus(False, NO_OPERATION_URL)
    workspace.endpoint("iris", "Failed")
    with pytest.raises(RefusedError, match=f"endpoint iris: Failed: {UNKNOWN_REASON}"):
        ensure_endpoint(replace(STEP, operation_url=status.operation_url), clients)
    assert len(workspace.put) == 1
