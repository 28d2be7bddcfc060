"""Storage accounts in Resource Manager: addresses, keys, changes."""

import base64

import pytest
from localcloud.home import SUBSCRIPTION
from localcloud.service import Cloud
from localcloud.storage import publishing

from localcloud_tests.unit.providers.conftest import ACCOUNT, GOOD, Manager, version_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def keys(arm: Manager, id_: str = ACCOUNT) -> list[str]:
    answer = await arm("POST", f"{id_}/listKeys")
    assert [each["keyName"] for each in answer.json()["keys"]] == ["key1", "key2"]
    return [each["value"] for each in answer.json()["keys"]]


async def test_an_account_has_addresses_of_its_own(arm: Manager, cloud: Cloud) -> None:
    properties = (await arm("GET", ACCOUNT)).json()["properties"]
    assert properties["primaryEndpoints"] == {
        service: f"{cloud.home.storage_url('data', service)}/" for service in ("blob", "queue", "table")
    }
    assert properties["provisioningState"] == "Succeeded"


async def test_each_account_has_two_keys_and_either_can_be_replaced(arm: Manager) -> None:
    await arm("PUT", f"{ACCOUNT}2", GOOD[ACCOUNT])
    first, second = await keys(arm)
    assert len({first, second, *await keys(arm, f"{ACCOUNT}2")}) == 4
    assert all(len(base64.b64decode(each)) == 64 for each in (first, second))
    replaced = await arm("POST", f"{ACCOUNT}/regenerateKey", {"keyName": "key2"})
    assert replaced.json()["keys"][0]["value"] == first
    assert replaced.json()["keys"][1]["value"] != second
    assert (await arm("GET", ACCOUNT)).json().get("keys") is None
    wrong = await arm("POST", f"{ACCOUNT}/regenerateKey", {"keyName": "key3"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "InvalidValuesForRequestParameters")
    assert (await arm("POST", f"{ACCOUNT}9/listKeys")).json()["error"]["code"] == "ResourceNotFound"


async def test_a_patch_changes_what_it_names(arm: Manager, cloud: Cloud) -> None:
    before = (await arm("GET", ACCOUNT)).json()
    body = {"properties": {"allowSharedKeyAccess": False}, "tags": {"owner": "lab"}}
    after = (await arm("PATCH", ACCOUNT, body)).json()
    assert after["properties"] == before["properties"] | {"allowSharedKeyAccess": False}
    assert after["tags"] == {"owner": "lab"}
    (known,) = [each for each in publishing.accounts_of(cloud.inventory) if each.name == "data"]
    assert (known.shared_key, known.keys) == (False, tuple(await keys(arm)))
    await arm("PUT", ACCOUNT, GOOD[ACCOUNT])


@pytest.mark.parametrize(
    ("name", "reason"), [("data", "AlreadyExists"), ("Data!", "AccountNameInvalid"), ("fresh", None)]
)
async def test_a_free_name_is_told_from_a_taken_and_a_wrong_one(
    arm: Manager, name: str, reason: str | None
) -> None:
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Storage/checkNameAvailability"
    answer = await arm("POST", path, {"name": name, "type": "Microsoft.Storage/storageAccounts"})
    assert (answer.json()["nameAvailable"], answer.json().get("reason")) == (reason is None, reason)


async def test_the_blob_service_of_an_account_is_there_with_it(arm: Manager) -> None:
    service = f"{ACCOUNT}/blobServices/default"
    answer = await arm("GET", service)
    assert answer.json()["properties"]["deleteRetentionPolicy"] == {"enabled": False}
    missing = await arm("GET", service.replace("/data/", "/none/"), version=version_of(ACCOUNT))
    assert missing.json()["error"]["code"] == "ResourceNotFound"
