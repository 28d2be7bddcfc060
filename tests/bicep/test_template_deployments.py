"""Deploying compiled templates to localcloud, which evaluates them with the Bicep compiler.

The routes of Resource Manager run in this process.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from localcloud.testing import GROUP, ROOT, Manager, manager

from scripts.bicep_compiler import MISSING, Compiler, find_compiler

TYPE = "Microsoft.Resources/deployments"
IN_GROUP = f"{GROUP}/providers/{TYPE}/lab"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
LAB = """
param name string
@secure()
param secret string
@allowed(['a', 'b'])
param mode string = 'a'
param values array = []
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: resourceGroup().location
  tags: { mode: mode, secret: secret, text: '[guid(\\'a\\')]' }
}
module inner 'inner.bicep' = {
  params: { name: '${name}-inner', secret: secret, after: identity.properties.principalId }
}
output client string = identity.properties.clientId
output inner string = inner.outputs.client
output values array = values
output deployer string = deployer().objectId
output storage string = environment().suffixes.storage
output name string = deployment().name
@secure()
output secret string = secret
"""
INNER = """
param name string
@secure()
param secret string
param after string
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: 'westeurope'
  tags: { secret: guid(secret), after: after }
}
output client string = identity.properties.clientId
"""
WHOLE = """
targetScope = 'subscription'
param group string
resource made 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: group
  location: deployment().location
}
"""


@pytest.fixture(scope="module")
def templates(compiler: Compiler, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Compiled templates by name."""
    folder = tmp_path_factory.mktemp("templates")
    built = {}
    for name, source in {"inner": INNER, "lab": LAB, "whole": WHOLE}.items():
        file = folder / f"{name}.bicep"
        file.write_text(source)
        built[name] = compiler.build(file).template
    return built


@pytest.fixture
async def arm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, templates: dict[str, Any]
) -> AsyncIterator[Manager]:
    monkeypatch.setenv("LOCALCLOUD_BICEP", str(find_compiler() or pytest.skip(MISSING)))
    async with manager(tmp_path / "home") as opened:
        yield opened


def body(template: Any, location: str | None = None, /, **values: Any) -> dict[str, Any]:
    parameters = {name: {"value": value} for name, value in values.items()}
    properties = {"template": template, "parameters": parameters, "mode": "Incremental"}
    return {"properties": properties, **({"location": location} if location else {})}


async def test_a_template_of_a_subscription_and_one_of_its_group_are_deployed(
    arm: Manager, templates: dict[str, Any]
) -> None:
    first = f"{ROOT}/providers/{TYPE}/whole"
    answer = await arm.send("PUT", first, body(templates["whole"], "westeurope", group="lab"))
    assert (answer.status_code, answer.json()["location"]) == (201, "westeurope"), answer.text
    assert (await arm.ended(first))["provisioningState"] == "Succeeded"
    assert (await arm.send("GET", GROUP)).json()["location"] == "westeurope"

    odd = ["[guid('b')]", "it's ${x}", 1.5, None, {"a": [True]}]
    values: dict[str, Any] = {"name": "runner", "secret": "hush", "values": odd}
    answer = await arm.send("PUT", IN_GROUP, body(templates["lab"], **values))
    assert answer.status_code == 201, answer.text
    assert answer.headers["azure-asyncoperation"].startswith(
        f"{arm.cloud.home.resource_manager}{IN_GROUP}/operationStatuses/"
    )
    ended = await arm.ended(IN_GROUP)
    assert ended["provisioningState"] == "Succeeded", ended

    made = (await arm.send("GET", f"{GROUP}/providers/{IDENTITY}/runner")).json()
    inner = (await arm.send("GET", f"{GROUP}/providers/{IDENTITY}/runner-inner")).json()
    assert made["location"] == "westeurope"
    assert made["tags"] == {"mode": "a", "secret": "hush", "text": "[guid('a')]"}
    assert inner["tags"]["after"] == made["properties"]["principalId"]
    outputs = {name: each.get("value") for name, each in ended["outputs"].items()}
    assert outputs["client"] == made["properties"]["clientId"]
    assert outputs["inner"] == inner["properties"]["clientId"]
    assert (outputs["values"], outputs["name"]) == (odd, "lab")
    assert ended["outputs"]["secret"] == {"type": "SecureString"}
    assert "hush" not in str([ended, (await arm.send("GET", f"{IN_GROUP}/operations")).json()])
    status = await arm.http.get(answer.headers["azure-asyncoperation"])
    assert status.json() == {"status": "Succeeded"}


async def test_what_the_compiler_refuses_is_azures_400_in_its_words(
    arm: Manager, templates: dict[str, Any]
) -> None:
    await arm.send("PUT", GROUP, {"location": "westeurope"})

    async def refusal(**values: Any) -> str:
        asked = body(templates["lab"], **values)
        answers = [
            await arm.send("PUT", IN_GROUP, asked),
            await arm.send("POST", f"{IN_GROUP}/validate", asked),
        ]
        assert [answer.status_code for answer in answers] == [400, 400]
        assert answers[0].json() == answers[1].json()
        error = answers[0].json()["error"]
        assert error["code"] == "InvalidTemplate"
        return str(error["message"])

    assert 'missing an assignment in the params file: "secret"' in await refusal(name="runner")
    missing = await refusal(name="a", secret="b", nosuch=1)
    assert 'parameter "nosuch" is assigned in the params file without being declared' in missing
    wrong = await refusal(name="a", secret="b", mode="c")
    assert "Expected a value of type \"'a' | 'b'\"" in wrong
    assert "/tmp" not in wrong
    assert (await arm.send("HEAD", IN_GROUP)).status_code == 404


async def test_validate_says_what_would_be_deployed_and_deploys_nothing(
    arm: Manager, templates: dict[str, Any]
) -> None:
    await arm.send("PUT", GROUP, {"location": "westeurope"})
    asked = body(templates["lab"], name="runner", secret="hush")
    answer = await arm.send("POST", f"{IN_GROUP}/validate", asked)
    assert answer.status_code == 200, answer.text
    properties = answer.json()["properties"]
    assert properties["provisioningState"] == "Succeeded"
    identities = {f"{GROUP}/providers/{IDENTITY}/runner", f"{GROUP}/providers/{IDENTITY}/runner-inner"}
    assert {each["id"] for each in properties["validatedResources"]} == identities
    assert properties["parameters"]["secret"] == {"type": "SecureString"}
    assert (await arm.send("GET", f"{GROUP}/providers/{IDENTITY}/runner")).status_code == 404
    assert (await arm.send("GET", IN_GROUP)).status_code == 404
