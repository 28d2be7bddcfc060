"""Whether what a deployment made is still there, whoever keeps it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from localcloud.deployment import deploy as deploy_at_start
from localcloud.deployments.service import Deployments
from localcloud.deployments.snapshots import Snapshot
from localcloud.inventory import WORKSPACE
from localcloud.testing import GROUP, ROOT, Json, Manager, manager

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROVIDERS = f"{GROUP}/providers"
IDENTITY = f"{PROVIDERS}/Microsoft.ManagedIdentity/userAssignedIdentities/runner"
LOGS = f"{PROVIDERS}/Microsoft.OperationalInsights/workspaces/logs"
TOPIC = f"{PROVIDERS}/Microsoft.EventGrid/topics/news"
FACTORY = f"{PROVIDERS}/Microsoft.DataFactory/factories/factory-of-tests"
MODELS = f"{PROVIDERS}/{WORKSPACE}/models"
OF_GROUP = f"{PROVIDERS}/Microsoft.Authorization"
READER = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
GUID = "10ca1c10-0d00-4000-8000-0000000000c"
DEFINITION = f"{OF_GROUP}/roleDefinitions/{GUID}1"
ASSIGNMENT = f"{OF_GROUP}/roleAssignments/{GUID}2"
ON_TOPIC = f"{TOPIC}/providers/Microsoft.Authorization/roleAssignments/{GUID}3"
DIAGNOSTICS = f"{TOPIC}/providers/Microsoft.Insights/diagnosticSettings/all"
RUNNER = f"[reference('{IDENTITY}', '2024-11-30').principalId]"
ASSIGNED = {"principalId": RUNNER, "roleDefinitionId": READER, "principalType": "ServicePrincipal"}
VERSIONS = {
    "Microsoft.Resources": "2025-04-01",
    "Microsoft.ManagedIdentity": "2024-11-30",
    "Microsoft.OperationalInsights": "2025-07-01",
    "Microsoft.EventGrid": "2025-02-15",
    "Microsoft.DataFactory": "2018-06-01",
    "Microsoft.Authorization": "2022-04-01",
    "Microsoft.Insights": "2021-05-01-preview",
    "Microsoft.MachineLearningServices": "2024-04-01",
}
PROPERTIES: dict[str, Json] = {
    GROUP: {},
    IDENTITY: {},
    LOGS: {"retentionInDays": 30},
    TOPIC: {"disableLocalAuth": True},
    FACTORY: {},
    f"{FACTORY}/credentials/runner": {
        "type": "ManagedIdentity",
        "typeProperties": {"resourceId": IDENTITY},
    },
    f"{FACTORY}/linkedservices/storage": {
        "type": "AzureBlobStorage",
        "typeProperties": {"serviceEndpoint": "https://x.blob.core.test"},
    },
    f"{FACTORY}/pipelines/nothing": {"activities": []},
    DEFINITION: {
        "roleName": "Looker",
        "assignableScopes": [GROUP],
        "permissions": [{"actions": ["*/read"]}],
    },
    ASSIGNMENT: ASSIGNED,
    ON_TOPIC: ASSIGNED,
    DIAGNOSTICS: {"workspaceId": LOGS, "logs": [{"categoryGroup": "allLogs", "enabled": True}]},
    f"{MODELS}/computes/cluster": {
        "computeType": "AmlCompute",
        "properties": {"vmSize": "Standard_D2s_v3", "scaleSettings": {"maxNodeCount": 1}},
    },
    f"{MODELS}/batchEndpoints/scoring-of-tests": {"authMode": "AADToken"},
    f"{MODELS}/models/wine": {},
}


def version_of(id_: str) -> str:
    provider = id_.rpartition("/providers/")[2].partition("/")[0] if "/providers/" in id_ else ""
    return VERSIONS[provider or "Microsoft.Resources"]


def resource(id_: str) -> Json:
    provider, *segments = id_.rpartition("/providers/")[2].split("/")
    kind = "/".join([provider, *segments[::2]]) if provider else "Microsoft.Resources/resourceGroups"
    located = {} if "Microsoft.Authorization" in id_ else {"location": "westeurope"}
    named = {"id": id_, "type": kind, "name": "/".join(segments[1::2]), "apiVersion": version_of(id_)}
    return {**named, **located, "properties": PROPERTIES[id_]}


SNAPSHOT = {"predictedResources": [resource(each) for each in PROPERTIES]}
DIGEST = Snapshot.read(SNAPSHOT).digest


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Manager]:
    """A cloud to which the snapshot is deployed."""
    async with manager(tmp_path_factory.mktemp("home")) as opened:
        # Without storage, a workspace's containers cannot be made.
        opened.cloud.inventory.put(WORKSPACE, MODELS, {"location": "westeurope"}, {})
        await deploy(opened)
        yield opened


async def deploy(arm: Manager) -> None:
    body = {"snapshot": SNAPSHOT, "name": "all", "location": "westeurope"}
    answer = await arm.controls.post("deployments", json=body)
    assert answer.status_code == 201, answer.text
    ended = await arm.ended(answer.json()["id"])
    assert ended["provisioningState"] == "Succeeded", ended.get("error")


async def deployed(arm: Manager) -> Any:
    return (await arm.controls.get("deployments", params={"name": "all"})).json()["deployed"]


async def ask(arm: Manager, method: str, id_: str) -> int:
    return (await arm.send(method, id_, None, **{"api-version": version_of(id_)})).status_code


async def gone(arm: Manager, id_: str) -> None:
    while True:
        if await ask(arm, "GET", id_) == 404:
            return
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "id_",
    [each for each in PROPERTIES if each not in (IDENTITY, LOGS)],
    ids=lambda id_: "-".join(id_.split("/")[-2:]),
)
async def test_what_is_deleted_is_missed_until_it_is_deployed_again(arm: Manager, id_: str) -> None:
    assert await deployed(arm) == DIGEST
    assert await ask(arm, "DELETE", id_) in (200, 202)
    await gone(arm, id_)
    assert await deployed(arm) is None
    if id_ == GROUP:
        arm.cloud.inventory.put(WORKSPACE, MODELS, {"location": "westeurope"}, {})
    await deploy(arm)
    assert await deployed(arm) == DIGEST
    assert await ask(arm, "GET", id_) == 200


async def test_the_deployments_of_a_group_are_deleted_with_it(arm: Manager) -> None:
    one = f"{PROVIDERS}/Microsoft.Resources/deployments/of-group"
    body = {"snapshot": {"predictedResources": [resource(IDENTITY)]}, "name": "of-group"}
    answer = await arm.controls.post("deployments", json=body | {"resourceGroup": "lab"})
    assert answer.status_code == 201, answer.text
    assert (await arm.ended(one))["provisioningState"] == "Succeeded"
    assert await ask(arm, "DELETE", GROUP) == 200
    arm.cloud.inventory.put(WORKSPACE, MODELS, {"location": "westeurope"}, {})
    await deploy(arm)
    assert await ask(arm, "GET", one) == 404
    assert await deployed(arm) == DIGEST


async def test_a_cloud_that_starts_deploys_what_was_deleted_and_nothing_else(arm: Manager) -> None:
    async def started() -> str:
        """The correlation id of the deployment that a start has left."""
        await deploy_at_start(arm.app, arm.cloud, Deployments(arm.cloud), "start", SNAPSHOT)
        found = await arm.send("GET", f"{ROOT}/providers/Microsoft.Resources/deployments/start")
        return str(found.json()["properties"]["correlationId"])

    first = await started()
    assert await started() == first
    assert await ask(arm, "DELETE", DIAGNOSTICS) == 200
    assert await started() != first
    assert await ask(arm, "GET", DIAGNOSTICS) == 200


async def test_a_child_is_found_only_below_its_own_parent(arm: Manager) -> None:
    kept = {"deployment": ("scoring/first", "batchEndpoints/scoring/deployments/First")}
    kept |= {"modelversion": ("wine/1", "models/wine/versions/1")}
    for kind, (key, path) in kept.items():
        assert not arm.cloud.has(f"{MODELS}/{path}")
        arm.cloud.store.put(f"machinelearning.{kind}", key, {})
        assert arm.cloud.has(f"{MODELS}/{path}")
        assert not arm.cloud.has(f"{MODELS}-2/{path}")
    assert not arm.cloud.has(f"{MODELS}/nothings/known")
