"""The secrets of a vault: written by templates, read from the vault by role, never returned otherwise."""

from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from localcloud.access.built_in import built_in_named
from localcloud.home import SUBSCRIPTION
from localcloud.service import Cloud

from localcloud_tests.unit.providers.conftest import IDENTITY, VAULT, Connect, Manager

pytestmark = pytest.mark.asyncio(loop_scope="module")

READER = f"{VAULT}/secrets/storage-key"


async def put(arm: Manager, value: str, **more: object) -> httpx.Response:
    return await arm("PUT", READER, {"properties": {"value": value, **more}})


async def assign(arm: Manager, role: str, principal: str) -> str:
    """Assign a built-in role on the vault; return the id of the assignment."""
    found = built_in_named(role)
    assert found is not None
    id_ = f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/{uuid4()}"
    definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{found.id}"
    properties = {
        "roleDefinitionId": definition,
        "principalId": principal,
        "principalType": "ServicePrincipal",
    }
    answer = await arm("PUT", id_, {"properties": properties}, "2022-04-01")
    assert answer.is_success, answer.text
    return id_


@pytest.fixture
def vault(cloud: Cloud, arm: Manager, connect: Connect) -> httpx.AsyncClient:
    """The vault's own address, called as the identity."""
    client = connect(cloud.principals.of_identity(IDENTITY), f"https://vault.{cloud.home.suffix}")
    client.base_url = httpx.URL(cloud.home.key_vault_url("vault-1"))
    client.params = client.params.set("api-version", "7.4")
    return client


async def test_resource_manager_never_returns_a_value(arm: Manager) -> None:
    made = await put(arm, "s3cret", contentType="a key")
    assert made.status_code == 201
    for answer in (made, await arm("GET", READER), await arm("GET", f"{VAULT}/secrets")):
        assert "s3cret" not in answer.text
        assert "a key" in answer.text


async def test_a_new_value_is_a_new_version_and_the_same_is_none(arm: Manager) -> None:
    versions = [
        (await put(arm, value)).json()["properties"]["secretUriWithVersion"] for value in ("a", "a", "b")
    ]
    assert versions[0] == versions[1] != versions[2]
    properties = (await arm("GET", READER)).json()["properties"]
    assert properties["secretUriWithVersion"] == versions[2]
    assert versions[2].startswith(f"{properties['secretUri']}/")


async def test_a_vault_hands_a_secret_to_whom_a_role_allows_it(
    arm: Manager, cloud: Cloud, vault: httpx.AsyncClient
) -> None:
    first, second = [(await put(arm, value)).json()["properties"] for value in ("one", "two")]
    principal = cloud.principals.of_identity(IDENTITY)
    refused = await vault.get("/secrets/storage-key")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Forbidden")
    assert f"oid={principal.object_id}" in refused.text
    assert "Microsoft.KeyVault/vaults/secrets/getSecret/action" in refused.text
    id_ = await assign(arm, "Key Vault Secrets User", principal.object_id)
    answer = await vault.get("/secrets/storage-key")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["value"], answer.json()["id"]) == ("two", second["secretUriWithVersion"])
    earlier = await vault.get(urlsplit(first["secretUriWithVersion"]).path)
    assert earlier.json()["value"] == "one"
    absent = await vault.get("/secrets/other")
    assert (absent.status_code, absent.json()["error"]["code"]) == (404, "SecretNotFound")
    assert (await arm("DELETE", id_, version="2022-04-01")).status_code == 200
    assert (await vault.get("/secrets/storage-key")).status_code == 403


async def test_a_role_that_only_manages_vaults_reads_no_secret(
    arm: Manager, cloud: Cloud, vault: httpx.AsyncClient
) -> None:
    await put(arm, "one")
    id_ = await assign(arm, "Key Vault Contributor", cloud.principals.of_identity(IDENTITY).object_id)
    assert (await vault.get("/secrets/storage-key")).status_code == 403
    assert (await arm("DELETE", id_, version="2022-04-01")).status_code == 200


async def test_a_vault_challenges_whoever_brings_no_token_for_it(
    cloud: Cloud, vault: httpx.AsyncClient, connect: Connect
) -> None:
    foreign = connect(cloud.principals.person("person"), cloud.home.resource_manager)
    sent = foreign.headers["authorization"]
    for headers in ({"authorization": ""}, {"authorization": sent}):
        answer = await vault.get("/secrets/storage-key", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthorized")
        challenge = answer.headers["www-authenticate"]
        assert f'resource="https://vault.{cloud.home.suffix}"' in challenge
        assert f'authorization="{cloud.home.login_url}' in challenge


async def test_a_vault_says_what_else_it_does_not_do(vault: httpx.AsyncClient) -> None:
    answer = await vault.put("/secrets/storage-key", json={"value": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
    unknown = await vault.get("/secrets/storage-key", params={"api-version": "6.0"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "BadParameter")
