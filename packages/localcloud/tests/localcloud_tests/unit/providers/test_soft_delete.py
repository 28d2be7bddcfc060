"""What a deletion leaves behind: a vault's name until it is purged, and nothing of a workspace."""

import pytest
from localcloud.home import SUBSCRIPTION
from localcloud.service import Cloud

from localcloud_tests.unit.providers.conftest import GOOD, PROVIDERS, VAULT, WORKSPACE, Json, Manager

pytestmark = pytest.mark.asyncio(loop_scope="module")
ABOVE = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault"
OLD = f"{PROVIDERS}/Microsoft.KeyVault/vaults/old-vault"
DELETED = f"{ABOVE}/locations/westeurope/deletedVaults/old-vault"


def vault(**more: object) -> Json:
    return GOOD[VAULT] | {"tags": {"of": "tests"}, "properties": GOOD[VAULT]["properties"] | more}


async def listed(arm: Manager) -> list[str]:
    return [each["id"] for each in (await arm("GET", f"{ABOVE}/deletedVaults")).json()["value"]]


async def test_a_deleted_vault_keeps_its_name_until_it_is_purged(arm: Manager) -> None:
    assert (await arm("PUT", OLD, vault())).status_code == 201
    assert await listed(arm) == []
    assert (await arm("DELETE", OLD)).status_code == 200
    assert await listed(arm) == [DELETED]
    kept = (await arm("GET", DELETED)).json()["properties"]
    assert (kept["vaultId"], kept["location"], kept["tags"]) == (OLD, "westeurope", {"of": "tests"})
    assert kept["deletionDate"] < kept["scheduledPurgeDate"]
    refused = await arm("PUT", OLD, vault())
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "ConflictError")
    assert (await arm("PUT", OLD, vault(createMode="recover"))).status_code == 501
    assert (await arm("POST", f"{DELETED.replace('west', 'north')}/purge")).status_code == 404
    assert (await arm("POST", f"{DELETED}/purge")).status_code == 200
    absent = await arm("GET", DELETED)
    assert (absent.status_code, absent.json()["error"]["code"]) == (404, "DeletedVaultNotFound")
    assert (await arm("PUT", OLD, vault())).status_code == 201


async def test_a_vault_with_purge_protection_is_not_purged(arm: Manager) -> None:
    protected = OLD.replace("old", "safe")
    assert (await arm("PUT", protected, vault(enablePurgeProtection=True))).status_code == 201
    assert (await arm("DELETE", protected)).status_code == 200
    refused = await arm("POST", f"{DELETED.replace('old', 'safe')}/purge")
    assert (refused.status_code, refused.json()["error"]["code"]) == (405, "MethodNotAllowed")


async def test_a_workspace_is_deleted_only_for_good(arm: Manager, cloud: Cloud) -> None:
    type_ = "Microsoft.MachineLearningServices/workspaces"
    # Resource Manager's PUT makes containers, and there is no storage here.
    cloud.inventory.put(type_, WORKSPACE, {"location": "westeurope"}, {})
    refused = await arm("DELETE", WORKSPACE)
    assert (refused.status_code, "forceToPurge=true" in refused.json()["error"]["message"]) == (501, True)
    purge = {"api-version": "2026-03-01", "forceToPurge": "true"}
    for status in (200, 204):
        assert (await arm.client.delete(WORKSPACE, params=purge)).status_code == status
    assert (await arm("GET", WORKSPACE)).status_code == 404
