"""The resources of a specification, in Resource Manager: how clients read and change them."""

import ssl
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from localcloud.access.built_in import built_in_named
from localcloud.home import SUBSCRIPTION, Home

from localcloud_tests.resources import (
    BATCH_ID,
    CARRYING,
    FACTORY_ID,
    GROUP_ID,
    POOL,
    SITE_ID,
    STORAGE_ACCOUNT,
    STORAGE_ID,
    SYSTEM_TOPIC_ID,
    TOPIC,
    TOPIC_ID,
    WORKSPACE_PATH,
    blob_url,
    function,
    pool,
    webhook,
)

pytestmark = pytest.mark.integration

Arm = Callable[..., httpx.Response]
VERSIONS = {
    "Microsoft.ManagedIdentity": "2024-11-30",
    "Microsoft.DataFactory": "2018-06-01",
    "Microsoft.MachineLearningServices": "2024-04-01",
}


@pytest.fixture
def arm(cloud_home: Home, trusted: None) -> Iterator[Arm]:
    """Sends a request to Resource Manager with a token."""
    token = DefaultAzureCredential().get_token(f"{cloud_home.resource_manager}/.default").token
    trust = ssl.create_default_context(cafile=cloud_home.ca_bundle)
    with httpx.Client(
        base_url=cloud_home.resource_manager, verify=trust, trust_env=False, proxy=cloud_home.proxy
    ) as client:

        def send(method: str, id_: str, **properties: Any) -> httpx.Response:
            provider = id_.partition("/providers/")[2].partition("/")[0]
            sent = {"location": "here", "properties": properties}
            if id_ == f"{BATCH_ID}/pools/{POOL}":
                sent["identity"] = CARRYING
            return client.request(
                method,
                id_,
                params={"api-version": VERSIONS.get(provider, "2025-06-01")},
                headers={"Authorization": f"Bearer {token}"},
                json=sent if method in ("PUT", "POST") else None,
            )

        yield send


@pytest.mark.parametrize(
    "id_",
    [
        GROUP_ID,
        STORAGE_ID,
        WORKSPACE_PATH,
        FACTORY_ID,
        BATCH_ID,
        f"{BATCH_ID}/pools/{POOL}",
        TOPIC_ID,
        SYSTEM_TOPIC_ID,
        SITE_ID,
    ],
)
def test_resources_of_the_specification_are_found_in_any_case(arm: Arm, id_: str) -> None:
    answer = arm("GET", id_.replace("resourceGroups", "RESOURCEGROUPS"))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["id"], answer.json()["name"]) == (id_, id_.split("/")[-1])
    assert answer.json()["properties"].get("provisioningState", "Succeeded") == "Succeeded"


IDENTITY_ID = f"{GROUP_ID}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker"
DEFINITION = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"


def test_an_identity_gets_roles_on_resources_that_exist(arm: Arm) -> None:
    made = arm("PUT", IDENTITY_ID)
    assert made.status_code == 201
    principal = made.json()["properties"]["principalId"]
    assert arm("GET", IDENTITY_ID).json() == arm("PUT", IDENTITY_ID).json() == made.json()
    assert arm("GET", f"{IDENTITY_ID}s").status_code == 404
    found = built_in_named("Storage Queue Data Contributor")
    assert found is not None
    wanted = {"principalId": principal, "roleDefinitionId": f"{DEFINITION}/{found.id}"}
    for scope in (GROUP_ID, STORAGE_ID, f"{BATCH_ID}/pools/{POOL}"):
        id_ = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid4()}"
        answer = arm("PUT", id_, **wanted)
        assert answer.status_code == 201, answer.text
        assert answer.json()["properties"].items() >= (wanted | {"scope": scope}).items()
        assert answer.json()["properties"]["principalType"] == "ServicePrincipal"
        assert arm("GET", id_).json() == answer.json()
        assert [arm("DELETE", id_).status_code for _ in range(2)] == [200, 204]
        assert arm("GET", id_).json()["error"]["code"] == "RoleAssignmentNotFound"
    nowhere = f"{STORAGE_ID}2/providers/Microsoft.Authorization/roleAssignments/{uuid4()}"
    assert arm("PUT", nowhere, **wanted).json()["error"]["code"] == "ResourceNotFound"


def test_nothing_is_read_without_a_token(cloud_home: Home) -> None:
    trust = ssl.create_default_context(cafile=cloud_home.ca_bundle)
    for id_ in (GROUP_ID, SITE_ID, STORAGE_ID, TOPIC_ID, BATCH_ID, f"{GROUP_ID}/providers/Microsoft.X/y/z"):
        url = f"{cloud_home.resource_manager}{id_}?api-version=2025-06-01"
        assert httpx.get(url, verify=trust, trust_env=False, proxy=cloud_home.proxy).status_code == 401, id_


def test_settings_are_returned_only_by_the_request_for_them(arm: Arm) -> None:
    put = arm(
        "PUT", SITE_ID, siteConfig={"appSettings": [{"name": "KEY", "value": "secret"}], "minTlsVersion": "x"}
    )
    assert put.status_code == 200
    assert put.json()["properties"]["siteConfig"] == {"minTlsVersion": "x"}
    assert "secret" not in arm("GET", SITE_ID).text
    listed = arm("POST", f"{SITE_ID}/config/appsettings/list").json()
    assert listed["properties"] == {"KEY": "secret"}
    assert arm("PUT", f"{SITE_ID}/config/appsettings", COLOUR="red").status_code == 200
    listed = arm("POST", f"{SITE_ID}/config/appsettings/list").json()
    assert listed["properties"] == {"COLOUR": "red"}
    bad = arm("PUT", SITE_ID, siteConfig={"appSettings": {"KEY": "secret"}})
    assert (bad.status_code, bad.json()["error"]["target"]) == (400, "siteConfig.appSettings")


def test_a_put_container_exists_in_storage(arm: Arm, cloud_home: Home) -> None:
    container = f"{STORAGE_ID}/blobServices/default/containers/made"
    assert arm("GET", container).status_code == 404
    assert arm("PUT", container, publicAccess="None").status_code == 201
    assert arm("PUT", container, publicAccess="None").status_code == 200
    assert container in [each["id"] for each in arm("GET", container.rpartition("/")[0]).json()["value"]]
    client = BlobServiceClient(blob_url(cloud_home), credential=DefaultAzureCredential())
    assert client.get_container_client("made").exists()
    assert arm("PUT", f"{STORAGE_ID}/blobServices/default/containers/Not-Valid").status_code == 400


def test_a_put_datastore_is_a_container_of_this_storage(arm: Arm, cloud_home: Home) -> None:
    own = f"{WORKSPACE_PATH}/datastores/own"
    properties = {"datastoreType": "AzureBlob", "accountName": STORAGE_ACCOUNT, "containerName": "own"}
    assert arm("PUT", own, **properties).status_code == 201
    assert arm("GET", own).json()["properties"]["containerName"] == "own"
    assert (
        BlobServiceClient(blob_url(cloud_home), credential=DefaultAzureCredential())
        .get_container_client("own")
        .exists()
    )
    assert arm("PUT", own, **properties | {"accountName": "other"}).status_code == 501
    assert arm("PUT", own, **properties | {"datastoreType": "AzureFile"}).status_code == 501


@pytest.mark.parametrize(
    ("id_", "properties", "status", "says"),
    [
        (f"/subscriptions/{SUBSCRIPTION}/resourceGroups/second", {}, 501, "second resource of the type"),
        (f"{WORKSPACE_PATH}2", {}, 501, "second resource of the type"),
        (f"{BATCH_ID}2", {}, 501, "second resource of the type"),
        (f"{BATCH_ID}/pools/second", {}, 501, "second resource of the type"),
        (f"{BATCH_ID}/pools/{POOL}", {}, 400, "properties.vmSize"),
        (f"{BATCH_ID}/pools/{POOL}", pool() | {"startTask": {}}, 400, "properties.startTask.commandLine"),
        (f"{SITE_ID}2", {}, 501, "second resource of the type"),
        (f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/other", {}, 400, "'sku'"),
        (f"{GROUP_ID}/providers/Microsoft.Sql/servers/mine", {}, 501, "servers/mine"),
        (f"{GROUP_ID}2/providers/Microsoft.EventGrid/topics/mine", {}, 404, "could not be found"),
        (f"{GROUP_ID}/providers/Microsoft.EventGrid/topics/mine", {"inputSchema": "Custom"}, 501, "Custom"),
        (f"{SYSTEM_TOPIC_ID}2", {"source": f"{STORAGE_ID}2"}, 404, f"storageAccounts/{STORAGE_ACCOUNT}2"),
        (f"{SYSTEM_TOPIC_ID}2", {"source": STORAGE_ID}, 400, "Only one system topic is allowed per source"),
        (f"{SYSTEM_TOPIC_ID}2", {"source": TOPIC_ID}, 501, "system topics of"),
        (f"{TOPIC_ID}2/eventSubscriptions/mine", {"destination": webhook("http://x")}, 404, "was not found"),
        (f"{TOPIC_ID}/eventSubscriptions/mine", {}, 400, "needs a destination"),
        (
            f"{TOPIC_ID}/eventSubscriptions/mine",
            {"destination": function("f") | {"properties": {"resourceId": f"{SITE_ID}2/functions/f"}}},
            400,
            "Destination endpoint not found",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_azures_shape(
    arm: Arm, id_: str, properties: dict[str, Any], status: int, says: str
) -> None:
    answer = arm("PUT", id_, **properties)
    assert (answer.status_code, says in answer.json()["error"]["message"]) == (status, True), answer.text
    assert answer.json()["error"]["code"]
    assert arm("GET", id_).status_code in (200, 404, 501)


def test_subscriptions_are_listed_below_their_topic_until_they_are_deleted(arm: Arm) -> None:
    mine = f"{TOPIC_ID}/eventSubscriptions/mine"
    made = arm("PUT", mine, destination=webhook("http://127.0.0.1:1/"))
    assert (made.status_code, made.json()["properties"]["topic"]) == (201, TOPIC_ID)
    twin = arm(
        "PUT", f"{SYSTEM_TOPIC_ID}/eventSubscriptions/MINE", destination=webhook("http://127.0.0.1:1/")
    )
    assert (twin.status_code, "two event subscriptions" in twin.text) == (501, True)
    assert [each["name"] for each in arm("GET", f"{TOPIC_ID}/eventSubscriptions").json()["value"]] == ["mine"]
    assert arm("DELETE", mine).status_code == 200
    assert arm("DELETE", mine).status_code == 204
    assert arm("GET", mine).status_code == 404
    assert TOPIC in [each["name"] for each in arm("GET", TOPIC_ID.rpartition("/")[0]).json()["value"]]
