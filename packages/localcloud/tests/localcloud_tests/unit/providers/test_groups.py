"""The resource group: its tags, its resources, its end."""

import pytest
from localcloud.home import SUBSCRIPTION
from localcloud.service import Cloud

from localcloud_tests.unit.providers.conftest import ACCOUNT, GOOD, GROUP_ID, LOGS, TOPIC, Manager

pytestmark = pytest.mark.asyncio(loop_scope="module")
GROUPS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"


async def test_tags_are_changed_by_a_patch_and_found_by_a_filter(arm: Manager) -> None:
    patched = await arm("PATCH", GROUP_ID, {"tags": {"owner": "lab"}})
    assert patched.json()["tags"] == {"owner": "lab"}
    assert (await arm("GET", GROUP_ID)).json() == patched.json()
    for value, found in (("lab", 1), ("other", 0)):
        query = {"api-version": "2025-04-01", "$filter": f"tagName eq 'owner' and tagValue eq '{value}'"}
        answer = await arm.client.get(GROUPS, params=query)
        assert len(answer.json()["value"]) == found


async def test_a_group_lists_its_resources_without_their_children(arm: Manager) -> None:
    await arm("PUT", f"{ACCOUNT}/blobServices/default", {})
    listed = (await arm("GET", f"{GROUP_ID}/resources")).json()["value"]
    assert {each["id"] for each in listed} == {*GOOD} - {GROUP_ID}
    assert all("properties" not in each for each in listed)
    query = {"api-version": "2025-04-01", "$filter": "resourceType eq 'Microsoft.EventGrid/topics'"}
    answer = await arm.client.get(f"/subscriptions/{SUBSCRIPTION}/resources", params=query)
    assert [each["id"] for each in answer.json()["value"]] == [TOPIC]
    query["$filter"] = "substringof('x', name)"
    assert (await arm.client.get(f"{GROUP_ID}/resources", params=query)).status_code == 501


async def test_whether_a_group_exists_is_told_without_a_body(arm: Manager) -> None:
    assert [(await arm("HEAD", f"{GROUPS}/{name}")).status_code for name in ("lab", "LAB", "none")] == [
        204,
        204,
        404,
    ]


@pytest.mark.parametrize("name", ["ends.", "a" * 91, "what?"])
async def test_a_name_that_no_group_can_have_is_refused(arm: Manager, name: str) -> None:
    answer = await arm("PUT", f"{GROUPS}/{name.replace('?', '%3F')}", {"location": "westeurope"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidResourceGroup")


async def test_a_provider_lists_its_resources_of_the_whole_subscription(arm: Manager) -> None:
    listed = await arm(
        "GET", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.OperationalInsights/workspaces"
    )
    assert [each["id"] for each in listed.json()["value"]] == [LOGS]


async def test_a_group_is_deleted_with_what_services_keep_of_its_resources(
    cloud: Cloud, arm: Manager
) -> None:
    factory = f"{GROUP_ID}/providers/Microsoft.DataFactory/factories/factory-of-tests"
    service = f"{factory}/linkedservices/storage"
    linked = {"type": "AzureBlobStorage", "typeProperties": {"serviceEndpoint": "https://x.blob.core.test"}}
    storage = [id_ for id_ in GOOD if "Microsoft.Storage" in id_]
    for id_ in storage:
        cloud.inventory.delete(id_)  # Without storage, its containers cannot be deleted.
    assert (await arm("PUT", factory, {"location": "here"}, "2018-06-01")).is_success
    assert (await arm("PUT", service, {"properties": linked}, "2018-06-01")).is_success
    assert (await arm("DELETE", GROUP_ID)).status_code == 200
    assert (await arm("GET", GROUP_ID)).json()["error"]["code"] == "ResourceGroupNotFound"
    assert cloud.inventory.everything(f"{GROUP_ID}/") == []
    assert (await arm("PUT", GROUP_ID, GOOD[GROUP_ID])).status_code == 201
    assert (await arm("PUT", factory, {"location": "here"}, "2018-06-01")).is_success
    assert (await arm("GET", service, version="2018-06-01")).status_code == 404
