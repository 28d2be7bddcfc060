"""The workspace, its datastores, and refused requests."""

from uuid import UUID

import pytest
from localcloud.home import REGION

from localcloud_tests.integration.machinelearning.conftest import Workbench
from localcloud_tests.resources import STORAGE_ACCOUNT, WORKSPACE


def test_the_client_finds_the_workspace_and_its_datastore(bench: Workbench) -> None:
    workspace = bench.ml.workspaces.get(WORKSPACE)
    assert (workspace.name, workspace.location) == (WORKSPACE, REGION)
    assert workspace.storage_account.endswith(f"/storageAccounts/{STORAGE_ACCOUNT}")
    guid = str(UUID(bench.arm("GET", "").json()["properties"]["workspaceId"]))
    datastore = bench.ml.datastores.get("workspaceblobstore")
    assert (datastore.account_name, datastore.container_name) == (
        STORAGE_ACCOUNT,
        f"azureml-blobstore-{guid}",
    )
    assert bench.ml.datastores.get_default().name == "workspaceblobstore"


def test_a_request_without_a_token_is_refused(bench: Workbench) -> None:
    answer = bench.arm("GET", "models", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")


def test_another_workspace_is_not_found(bench: Workbench) -> None:
    answer = bench.arm("GET", f"../{WORKSPACE}-2/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")


def test_an_unknown_api_version_is_refused(bench: Workbench) -> None:
    path = bench.arm("GET", "models").url.path
    answer = bench.request("GET", f"{path}?api-version=2019-01-01")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "NoRegisteredProviderFound")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "onlineEndpoints"),
        ("DELETE", "jobs/iris"),
        ("POST", "computes/cpu/start"),
        ("GET", "jobs?tag=a"),
    ],
)
def test_requests_that_are_not_imitated_are_answered_with_501_for_a_caller_with_a_token(
    bench: Workbench, method: str, path: str
) -> None:
    answer = bench.arm(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
    assert bench.arm(method, path, headers={"Authorization": ""}).status_code == 401
