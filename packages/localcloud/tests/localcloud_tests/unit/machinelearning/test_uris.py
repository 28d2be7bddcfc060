"""The places that URIs may and may not name."""

import pytest
from localcloud.home import SUBSCRIPTION
from localcloud.machinelearning.uris import BlobPath, Workspace
from localcloud.wire import AzureError

from localcloud_tests.resources import RESOURCE_GROUP, WORKSPACE, WORKSPACE_PATH

LONG = (
    f"azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/{RESOURCE_GROUP}/workspaces/{WORKSPACE}"
    "/datastores/workspaceblobstore/paths"
)


@pytest.mark.parametrize(
    "uri",
    [
        "azureml://datastores/workspaceblobstore/paths/runs/1/model",
        "azureml://datastores/workspaceblobstore/paths/runs/1/model/",
        f"{LONG}/runs/1/model",
        f"{LONG.replace('resourcegroups', 'resourceGroups')}/runs/1/model",
        f"{WORKSPACE_PATH}/datastores/workspaceblobstore/paths/runs/1/model",
        f"azureml:{WORKSPACE_PATH}/datastores/workspaceblobstore/paths/runs/1/model",
    ],
)
def test_every_spelling_of_a_datastore_path_leads_to_the_same_blobs(workspace: Workspace, uri: str) -> None:
    place = workspace.blob_path(uri)
    assert place == BlobPath(f"azureml-blobstore-{workspace.guid}", "runs/1/model")
    assert workspace.datastore_uri(place) == f"{LONG}/runs/1/model"


@pytest.mark.parametrize("path", ["../x", "a/../../b", "a//b", "./a", "a/.", "a\\..\\b", "a/\0"])
def test_a_path_that_climbs_or_is_odd_is_refused(workspace: Workspace, path: str) -> None:
    with pytest.raises(AzureError, match="is invalid") as refusal:
        workspace.blob_path(f"azureml://datastores/workspaceblobstore/paths/{path}")
    assert refusal.value.status == 400


def test_another_workspace_or_datastore_is_refused(workspace: Workspace) -> None:
    for uri in (
        "azureml://datastores/other/paths/a",
        f"{LONG.replace(SUBSCRIPTION, SUBSCRIPTION[::-1])}/a",
        f"{WORKSPACE_PATH}-2/datastores/workspaceblobstore/paths/a",
    ):
        with pytest.raises(AzureError) as refusal:
            workspace.blob_path(uri)
        assert refusal.value.status == 400


@pytest.mark.parametrize(
    "uri", ["https://example.com/a.csv", "azureml:data:1", "runs:/1/model", "/etc/passwd"]
)
def test_data_that_is_no_datastore_path_is_not_imitated(workspace: Workspace, uri: str) -> None:
    with pytest.raises(AzureError) as refusal:
        workspace.blob_path(uri)
    assert refusal.value.status == 501


def test_a_model_is_named_by_version_or_label(workspace: Workspace) -> None:
    by_version = workspace.model_reference(f"{WORKSPACE_PATH}/models/iris/versions/3")
    by_label = workspace.model_reference(f"{WORKSPACE_PATH}/models/iris/labels/latest")
    assert (by_version.name, by_version.version, by_version.label) == ("iris", "3", None)
    assert (by_label.name, by_label.version, by_label.label) == ("iris", None, "latest")


def test_a_compute_id_that_the_sdk_builds_wrong_names_no_valid_compute(workspace: Workspace) -> None:
    assert workspace.compute_reference(f"{WORKSPACE_PATH}/computes/azureml:cpu") == "azureml:cpu"
    with pytest.raises(AzureError):
        workspace.compute_reference(f"{WORKSPACE_PATH}/models/cpu")
