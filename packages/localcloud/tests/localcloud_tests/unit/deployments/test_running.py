"""Deploying a snapshot: each resource is written to Resource Manager, in its turn, as the deployer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from localcloud.persons import person
from localcloud.testing import GROUP, ROOT, Json, Manager, manager

IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/runner"
OF_IDENTITY = {"api-version": "2024-11-30"}
OTHER = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/other"
CONTRIBUTOR = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"
NAME = "10ca1c10-0d00-4000-8000-0000000000cc"
ASSIGNMENT = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{NAME}"
DEPLOYMENT = f"{ROOT}/providers/Microsoft.Resources/deployments/all"


@pytest.fixture
async def arm(tmp_path: Path) -> AsyncIterator[Manager]:
    async with manager(tmp_path) as opened:
        yield opened


def resource(id_: str, version: str, **more: object) -> Json:
    tail = id_.rpartition("/providers/")[2].split("/")
    kind = "/".join([tail[0], *tail[1::2]]) if "/providers/" in id_ else "Microsoft.Resources/resourceGroups"
    return {"id": id_, "type": kind, "name": id_.rpartition("/")[2], "apiVersion": version, **more}


def group() -> Json:
    return resource(GROUP, "2024-03-01", location="westeurope")


def identity(id_: str = IDENTITY) -> Json:
    return resource(id_, "2024-11-30", location="westeurope")


def assignment(principal: str, role: str = CONTRIBUTOR) -> Json:
    properties = {"principalId": principal, "roleDefinitionId": role, "principalType": "ServicePrincipal"}
    return resource(ASSIGNMENT, "2022-04-01", properties=properties)


RUNNER = f"[reference('{IDENTITY}', '2024-11-30').principalId]"


async def deploy(arm: Manager, *resources: Json, **outputs: object) -> Json:
    """The properties of a deployment that has ended."""
    snapshot = {"predictedResources": list(resources), "outputs": outputs}
    body = {"snapshot": snapshot, "name": "all", "location": "westeurope"}
    answer = await arm.controls.post("deployments", json=body)
    assert answer.status_code == 201, answer.text
    return await arm.ended(answer.json()["id"])


async def test_resources_are_made_in_their_order_with_what_the_others_tell(arm: Manager) -> None:
    ended = await deploy(arm, assignment(RUNNER), identity(), group(), who=RUNNER, fixed={"a": [1]})
    assert ended["provisioningState"] == "Succeeded"
    made = (await arm.send("GET", IDENTITY, **OF_IDENTITY)).json()["properties"]["principalId"]
    assert (await arm.send("GET", ASSIGNMENT)).json()["properties"]["principalId"] == made
    assert ended["outputs"] == {
        "who": {"type": "String", "value": made},
        "fixed": {"type": "Object", "value": {"a": [1]}},
    }
    assert [each["id"] for each in ended["outputResources"]] == [GROUP, IDENTITY, ASSIGNMENT]
    assert {each["namespace"] for each in ended["providers"]} >= {"Microsoft.ManagedIdentity"}


async def test_expressions_know_the_cloud_and_the_deployer(arm: Manager) -> None:
    ended = await deploy(
        arm, group(), manager="[environment().resourceManager]", deployer="[deployer().objectId]"
    )
    caller = arm.cloud.tokens.check(
        arm.http.headers["authorization"].split()[1], [arm.cloud.home.resource_manager]
    )
    assert ended["outputs"]["manager"]["value"] == f"{arm.cloud.home.resource_manager}/"
    assert ended["outputs"]["deployer"]["value"] == caller.object_id


async def test_each_resource_is_an_operation(arm: Manager) -> None:
    await deploy(arm, group(), identity())
    found = (await arm.send("GET", f"{DEPLOYMENT}/operations")).json()["value"]
    assert [each["properties"]["targetResource"]["id"] for each in found] == [GROUP, IDENTITY]
    assert {each["properties"]["provisioningState"] for each in found} == {"Succeeded"}
    assert (await arm.send("GET", found[1]["id"])).json() == found[1]
    assert (await arm.send("GET", f"{DEPLOYMENT}/operations/nosuch")).status_code == 404


async def test_a_refused_resource_fails_the_deployment_and_holds_back_what_needs_it(arm: Manager) -> None:
    refused = assignment(RUNNER, role="nosuch")
    after = resource(
        f"{OTHER}-2", "2024-11-30", location="westeurope", tags={"after": f"[reference('{ASSIGNMENT}').id]"}
    )
    ended = await deploy(arm, group(), identity(), refused, after, identity(OTHER))
    assert (ended["provisioningState"], ended["error"]["code"]) == ("Failed", "DeploymentFailed")
    [detail] = ended["error"]["details"]
    assert (detail["code"], detail["target"]) == ("InvalidRoleDefinitionId", ASSIGNMENT)
    assert detail["message"] == "The role definition ID is not valid."
    assert (await arm.send("GET", OTHER, **OF_IDENTITY)).status_code == 200
    assert (await arm.send("GET", after["id"], **OF_IDENTITY)).status_code == 404
    operations = (await arm.send("GET", f"{DEPLOYMENT}/operations")).json()["value"]
    states = {each["properties"]["targetResource"]["id"]: each["properties"] for each in operations}
    assert states[ASSIGNMENT]["statusMessage"]["error"]["code"] == "InvalidRoleDefinitionId"
    assert states[ASSIGNMENT]["statusCode"] == "BadRequest"
    assert after["id"] not in states


async def test_a_second_deployment_goes_on_after_a_failure(arm: Manager) -> None:
    await deploy(arm, group(), identity(), assignment(RUNNER, role="nosuch"))
    before = (await arm.send("GET", IDENTITY, **OF_IDENTITY)).json()
    ended = await deploy(arm, group(), identity(), assignment(RUNNER))
    assert ended["provisioningState"] == "Succeeded"
    assert (await arm.send("GET", IDENTITY, **OF_IDENTITY)).json() == before


async def test_deploying_twice_changes_nothing(arm: Manager) -> None:
    everything = group(), identity(), assignment(RUNNER)
    await deploy(arm, *everything)
    before = [(await arm.send("GET", each["id"], **OF_IDENTITY)).json() for each in everything]
    await deploy(arm, *everything)
    assert [(await arm.send("GET", each["id"], **OF_IDENTITY)).json() for each in everything] == before


async def test_an_expression_that_cannot_be_evaluated_is_the_resources_failure(arm: Manager) -> None:
    ended = await deploy(arm, group(), identity(), assignment(RUNNER.replace("principalId", "nosuch")))
    [detail] = ended["error"]["details"]
    assert detail["code"] == "InvalidTemplate"
    assert f"resource '{ASSIGNMENT}'" in detail["message"]
    assert "property 'nosuch' doesn't exist" in detail["message"]


async def test_a_reference_to_what_is_not_there_quotes_resource_manager(arm: Manager) -> None:
    ended = await deploy(arm, group(), assignment(RUNNER))
    [detail] = ended["error"]["details"]
    assert (detail["code"], detail["target"]) == ("ResourceNotFound", ASSIGNMENT)


async def test_an_output_that_cannot_be_evaluated_fails_the_deployment_by_its_name(arm: Manager) -> None:
    ended = await deploy(arm, group(), good="a", bad=RUNNER)
    assert ended["error"]["code"] == "DeploymentOutputEvaluationFailed"
    assert [each["target"] for each in ended["error"]["details"]] == ["bad"]
    assert (await arm.send("GET", GROUP)).status_code == 200


async def test_a_name_with_the_marks_of_a_url_reaches_no_other_resource(arm: Manager) -> None:
    odd = resource(f"{IDENTITY}?api-version=1#", "2024-11-30", location="westeurope")
    await deploy(arm, group(), odd)
    assert arm.cloud.inventory.get(IDENTITY) is None


async def test_a_cancelled_deployment_makes_nothing_more(arm: Manager) -> None:
    snapshot = {"predictedResources": [group(), *(identity(f"{OTHER}-{n}") for n in range(50))]}
    await arm.controls.post("deployments", json={"snapshot": snapshot, "name": "all"})
    assert (await arm.send("POST", f"{DEPLOYMENT}/cancel")).status_code == 204
    ended = await arm.ended(DEPLOYMENT)
    assert (ended["provisioningState"], ended["error"]["code"]) == ("Canceled", "DeploymentCanceled")
    assert (await arm.send("GET", f"{OTHER}-49", **OF_IDENTITY)).status_code == 404
    again = await arm.send("POST", f"{DEPLOYMENT}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "DeploymentCannotBeCancelled")


async def test_a_deployment_that_runs_is_neither_replaced_nor_deleted(arm: Manager) -> None:
    snapshot = {"predictedResources": [group(), *(identity(f"{OTHER}-{n}") for n in range(50))]}
    body = {"snapshot": snapshot, "name": "all"}
    await arm.controls.post("deployments", json=body)
    again = await arm.controls.post("deployments", json=body)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "DeploymentActive")
    deleted = await arm.send("DELETE", DEPLOYMENT)
    assert (deleted.status_code, deleted.json()["error"]["code"]) == (409, "DeploymentCannotBeDeleted")


async def test_a_deployment_stays_in_its_location(arm: Manager) -> None:
    await deploy(arm, group())
    body = {"snapshot": {"predictedResources": [group()]}, "name": "all", "location": "northeurope"}
    answer = await arm.controls.post("deployments", json=body)
    assert answer.json()["error"]["code"] == "InvalidDeploymentLocation"


async def test_a_snapshot_that_lacks_resources_of_its_template_is_not_deployed(arm: Manager) -> None:
    said = f"{GROUP}/providers/Microsoft.Resources/deployments/n Warning NestedDeploymentShortCircuited: no."
    snapshot = {"predictedResources": [group()], "diagnostics": [said]}
    answer = await arm.controls.post("deployments", json={"snapshot": snapshot, "name": "all"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
    assert said in answer.json()["error"]["message"]


async def test_a_deployment_of_a_group_belongs_to_it(arm: Manager) -> None:
    await deploy(arm, group())
    body = {"snapshot": {"predictedResources": [identity()]}, "name": "part", "resourceGroup": "LAB"}
    answer = await arm.controls.post("deployments", json=body)
    assert answer.json()["id"] == f"{GROUP}/providers/Microsoft.Resources/deployments/part"
    assert (await arm.ended(answer.json()["id"]))["provisioningState"] == "Succeeded"
    listed = (await arm.send("GET", f"{GROUP}/providers/Microsoft.Resources/deployments/")).json()["value"]
    assert [each["name"] for each in listed] == ["part"]
    listed = (await arm.send("GET", f"{ROOT}/providers/Microsoft.Resources/deployments/")).json()["value"]
    assert [each["name"] for each in listed] == ["all"]


@pytest.mark.parametrize("snapshot", [None, [], {"predictedResources": [{"id": "/x"}]}])
async def test_what_is_no_snapshot_is_refused(arm: Manager, snapshot: object) -> None:
    answer = await arm.controls.post("deployments", json={"snapshot": snapshot, "name": "all"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidSnapshot")


async def test_a_snapshot_with_an_id_twice_is_refused_before_anything_is_made(arm: Manager) -> None:
    snapshot = {"predictedResources": [group(), identity(), identity()]}
    answer = await arm.controls.post("deployments", json={"snapshot": snapshot, "name": "all"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidTemplate")
    assert "is there twice" in answer.json()["error"]["message"]
    assert arm.cloud.inventory.get(GROUP) is None


async def test_a_deployment_needs_a_token(arm: Manager) -> None:
    body = {"snapshot": {"predictedResources": [group()]}, "name": "all"}
    answer = await arm.controls.post("deployments", json=body, headers={"Authorization": ""})
    assert answer.status_code == 401


async def test_a_deployer_needs_the_right_to_deploy_and_that_to_each_resource(arm: Manager) -> None:
    await deploy(arm, group())
    token, _ = arm.cloud.tokens.issue(person("uploader"), arm.cloud.home.resource_manager)
    headers = {"Authorization": f"Bearer {token}"}
    body = {"snapshot": {"predictedResources": [identity()]}, "name": "part", "resourceGroup": "lab"}
    refused = await arm.controls.post("deployments", json=body, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert "'Microsoft.Resources/deployments/write' over scope" in refused.json()["error"]["message"]

    operator = "f1a07417-d97a-45cb-824c-7a7467783830"  # Managed Identity Operator
    role = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/{operator}"
    given = assignment(person("uploader").object_id, role=role)
    given["properties"]["principalType"] = "User"
    assert (await deploy(arm, group(), given))["provisioningState"] == "Succeeded"
    begun = await arm.controls.post("deployments", json=body, headers=headers)
    assert begun.status_code == 201, begun.text
    [detail] = (await arm.ended(begun.json()["id"]))["error"]["details"]
    assert (detail["code"], detail["target"]) == ("AuthorizationFailed", IDENTITY)
    assert "'Microsoft.ManagedIdentity/userAssignedIdentities/write'" in detail["message"]


async def test_deployments_that_the_end_of_the_process_interrupts_have_failed(arm: Manager) -> None:
    from localcloud.deployments import records

    document = records.begun(DEPLOYMENT, {}, "westeurope", None, {})
    kept = records.Records(arm.cloud.store)
    kept.put(document)
    kept.end_interrupted()
    ended = await arm.ended(DEPLOYMENT)
    assert (ended["provisioningState"], ended["error"]["code"]) == ("Failed", "DeploymentInterrupted")
