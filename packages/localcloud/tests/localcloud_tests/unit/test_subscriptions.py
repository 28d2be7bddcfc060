"""What a client finds when it signs in: subscription, tenant, locations, providers, resource groups."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from localcloud.home import SUBSCRIPTION, TENANT
from localcloud.subscriptions import VERSIONS
from localcloud.testing import GROUP, ROOT, Manager, manager


@pytest.fixture
async def arm(tmp_path: Path) -> AsyncIterator[Manager]:
    async with manager(tmp_path) as opened:
        yield opened


async def test_the_subscription_and_its_tenant_are_listed(arm: Manager) -> None:
    listed = (await arm.send("GET", "/subscriptions")).json()["value"]
    assert [each["subscriptionId"] for each in listed] == [SUBSCRIPTION]
    assert listed[0] == (await arm.send("GET", ROOT)).json()
    assert [each["tenantId"] for each in (await arm.send("GET", "/tenants")).json()["value"]] == [TENANT]
    names = {each["name"] for each in (await arm.send("GET", f"{ROOT}/locations")).json()["value"]}
    assert {"localcloud", "westeurope"} <= names


@pytest.mark.parametrize("path", ["/subscriptions", "/tenants", f"{ROOT}/locations", f"{ROOT}/providers"])
async def test_a_token_and_an_api_version_are_required(arm: Manager, path: str) -> None:
    assert (await arm.http.get(path)).status_code == 400
    answer = await arm.http.get(path, params={"api-version": "2022-12-01"}, headers={"Authorization": ""})
    assert answer.status_code == 401


async def test_another_subscription_is_not_found(arm: Manager) -> None:
    answer = await arm.send("GET", "/subscriptions/10ca1c10-0d00-4000-8000-000000000002/locations")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "SubscriptionNotFound")


async def test_resource_groups_are_listed_and_looked_for(arm: Manager) -> None:
    assert (await arm.send("GET", f"{ROOT}/resourcegroups")).json() == {"value": []}
    assert (await arm.send("HEAD", GROUP)).status_code == 404
    await arm.send("PUT", GROUP, {"location": "westeurope"})
    [group] = (await arm.send("GET", f"{ROOT}/resourcegroups")).json()["value"]
    assert (group["id"], group["location"]) == (GROUP, "westeurope")
    assert (await arm.send("HEAD", GROUP)).status_code == 204


async def test_providers_have_the_types_that_can_be_made(arm: Manager) -> None:
    listed = {
        each["namespace"]: each for each in (await arm.send("GET", f"{ROOT}/providers")).json()["value"]
    }
    assert {name.partition("/")[0] for name in VERSIONS} >= listed.keys()
    one = (await arm.send("GET", f"{ROOT}/providers/microsoft.batch")).json()
    assert one == listed["Microsoft.Batch"]
    assert one["registrationState"] == "Registered"
    types = {each["resourceType"]: each["apiVersions"] for each in one["resourceTypes"]}
    assert types.keys() == {"batchAccounts", "batchAccounts/pools"}
    assert types["batchAccounts"] == [VERSIONS["Microsoft.Batch"]]
    resources = {each["resourceType"] for each in listed["Microsoft.Resources"]["resourceTypes"]}
    assert "deployments" in resources
    registered = await arm.send("POST", f"{ROOT}/providers/Microsoft.Batch/register")
    assert registered.json() == one
    unknown = await arm.send("GET", f"{ROOT}/providers/Microsoft.Nothing")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "InvalidResourceNamespace")


async def test_az_asks_for_the_resources_of_a_group_by_a_filter(arm: Manager) -> None:
    await arm.send("PUT", GROUP, {"location": "westeurope"})
    topic = f"{GROUP}/providers/Microsoft.EventGrid/topics/news"
    made = await arm.send("PUT", topic, {"location": "westeurope"})
    assert made.is_success, made.text
    for group, found in (("LAB", [topic]), ("other", [])):
        answer = await arm.send(
            "GET", f"{ROOT}/resources", None, **{"$filter": f"resourceGroup eq '{group}'"}
        )
        assert [each["id"] for each in answer.json()["value"]] == found
