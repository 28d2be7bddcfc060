"""What Batch refuses of an account and a pool, and what it does not let change."""

import copy
from typing import Any

import pytest
from localcloud.batch import definitions
from localcloud.batch.vm_sizes import cores
from localcloud.wire import AzureError

IDENTITY = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/trainer"
)
OTHER = f"{IDENTITY}-other"
STORAGE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/data"
KNOWN = {IDENTITY, OTHER, STORAGE}
FORMULA = "$TargetDedicatedNodes = min(2, $PendingTasks.GetSample(1));"

ACCOUNT: dict[str, Any] = {
    "location": "westeurope",
    "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
    "properties": {
        "poolAllocationMode": "BatchService",
        "publicNetworkAccess": "Enabled",
        "allowedAuthenticationModes": ["AAD"],
        "autoStorage": {
            "storageAccountId": STORAGE,
            "authenticationMode": "BatchAccountManagedIdentity",
            "nodeIdentityReference": {"resourceId": IDENTITY},
        },
    },
}
POOL: dict[str, Any] = {
    "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
    "properties": {
        "vmSize": "Standard_D2s_v5",
        "taskSlotsPerNode": 2,
        "deploymentConfiguration": {
            "virtualMachineConfiguration": {
                "imageReference": {
                    "publisher": "microsoft-dsvm",
                    "offer": "ubuntu-hpc",
                    "sku": "2404",
                    "version": "latest",
                },
                "nodeAgentSkuId": "batch.node.ubuntu 24.04",
            }
        },
        "scaleSettings": {"autoScale": {"evaluationInterval": "PT5M", "formula": FORMULA}},
        "startTask": {
            "commandLine": "true",
            "resourceFiles": [
                {"httpUrl": "https://x/c/b", "filePath": "b", "identityReference": {"resourceId": IDENTITY}}
            ],
        },
    },
}


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a body with another value at `path`; None removes it."""
    copied = copy.deepcopy(body)
    *parents, last = path.split(".")
    place = copied
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return copied


def exists(id_: str) -> bool:
    return id_ in KNOWN


def path_of(error: AzureError) -> str:
    return next(each["message"] for each in error.details if each["code"] == "PropertyPath")


def test_the_deployed_account_and_pool_are_accepted_and_deploying_them_twice_changes_nothing() -> None:
    account = definitions.account("batches1", ACCOUNT, None, exists)
    pool = definitions.pool("trainers", POOL, None, exists)
    assert definitions.account("batches1", ACCOUNT, ACCOUNT | {"properties": account}, exists) == account
    assert definitions.pool("trainers", POOL, POOL | {"properties": pool}, exists) == pool


def test_what_batch_computes_is_not_taken_from_a_request() -> None:
    sent = changed(POOL, "properties.currentDedicatedNodes", 7)
    assert "currentDedicatedNodes" not in definitions.pool("trainers", sent, None, exists)


@pytest.mark.parametrize(
    ("path", "value", "refusal"),
    [
        ("properties.vmSize", None, "MissingRequiredProperty"),
        ("properties.deploymentConfiguration", {}, "MissingRequiredProperty"),
        ("properties.vmSize", "big", "InvalidPropertyValue"),
        ("properties.taskSlotsPerNode", 9, "InvalidPropertyValue"),
        ("properties.taskSlotsPerNode", 0, "InvalidPropertyValue"),
        ("properties.scaleSettings.fixedScale", {"targetDedicatedNodes": 1}, "InvalidPropertyValue"),
        ("properties.scaleSettings.autoScale.formula", None, "MissingRequiredProperty"),
        ("properties.scaleSettings.autoScale.formula", "a = x;", "AutoScalingFormulaSyntaxError"),
        ("properties.scaleSettings.autoScale.evaluationInterval", "PT1M", "InvalidPropertyValue"),
        ("identity", None, "InvalidPropertyValue"),
        ("identity.type", "SystemAssigned", "InvalidPropertyValue"),
        ("identity.userAssignedIdentities", {f"{IDENTITY}-gone": {}}, "FailedIdentityOperation"),
    ],
)  # fmt: skip
def test_a_pool_that_batch_would_refuse_is_refused(path: str, value: Any, refusal: str) -> None:
    with pytest.raises(AzureError) as refused:
        definitions.pool("trainers", changed(POOL, path, value), None, exists)
    assert (refused.value.status, refused.value.code) == (400, refusal)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("properties.vmSize", "Standard_D4s_v5", "properties.vmSize"),
        ("properties.taskSlotsPerNode", 3, "properties.taskSlotsPerNode"),
        ("properties.taskSlotsPerNode", None, "properties.taskSlotsPerNode"),
        (
            "properties.deploymentConfiguration.virtualMachineConfiguration.imageReference.sku",
            "2204",
            "properties.deploymentConfiguration",
        ),
        ("properties.networkConfiguration", {"subnetId": "x"}, "properties.networkConfiguration"),
    ],
)
def test_what_only_the_creation_of_a_pool_sets_cannot_be_updated(path: str, value: Any, named: str) -> None:
    with pytest.raises(AzureError) as refused:
        definitions.pool("trainers", changed(POOL, path, value), POOL, exists)
    assert (refused.value.code, path_of(refused.value)) == ("PropertyCannotBeUpdated", named)


def test_the_identity_of_a_pool_cannot_be_updated() -> None:
    other = changed(POOL, "identity.userAssignedIdentities", {IDENTITY: {}, OTHER: {}})
    with pytest.raises(AzureError) as refused:
        definitions.pool("trainers", other, POOL, exists)
    assert (refused.value.code, path_of(refused.value)) == ("PropertyCannotBeUpdated", "identity")


def test_scale_and_start_task_can_be_updated() -> None:
    fixed = changed(POOL, "properties.scaleSettings", {"fixedScale": {"targetDedicatedNodes": 4}})
    kept = definitions.pool("trainers", changed(fixed, "properties.startTask", None), POOL, exists)
    assert "startTask" not in kept
    assert kept["scaleSettings"] == {"fixedScale": {"targetDedicatedNodes": 4}}


@pytest.mark.parametrize(
    ("path", "value", "refusal"),
    [
        ("location", None, "LocationRequired"),
        ("properties.autoStorage.storageAccountId", None, "MissingRequiredProperty"),
        ("properties.autoStorage.storageAccountId", f"{STORAGE}x", "InvalidPropertyValue"),
        ("properties.autoStorage.nodeIdentityReference", {"resourceId": "gone"}, "InvalidPropertyValue"),
        ("identity", None, "InvalidPropertyValue"),
        ("properties.allowedAuthenticationModes", ["Keys"], "InvalidPropertyValue"),
        ("properties.poolAllocationMode", "Mine", "InvalidPropertyValue"),
    ],
)
def test_an_account_that_batch_would_refuse_is_refused(path: str, value: Any, refusal: str) -> None:
    with pytest.raises(AzureError) as refused:
        definitions.account("batches1", changed(ACCOUNT, path, value), None, exists)
    assert (refused.value.status, refused.value.code) == (400, refusal)


@pytest.mark.parametrize("name", ["ab", "Upper", "with-hyphen", "a" * 25])
def test_the_name_of_an_account_has_3_to_24_small_letters_and_digits(name: str) -> None:
    with pytest.raises(AzureError, match="InvalidAccountName"):
        definitions.account(name, ACCOUNT, None, exists)


def test_a_put_does_not_change_how_clients_of_an_account_authenticate() -> None:
    with pytest.raises(AzureError) as refused:
        definitions.account(
            "batches1",
            changed(ACCOUNT, "properties.allowedAuthenticationModes", ["AAD", "SharedKey"]),
            ACCOUNT,
            exists,
        )
    assert path_of(refused.value) == "properties.allowedAuthenticationModes"


@pytest.mark.parametrize(
    ("size", "number"),
    [
        ("Standard_D2s_v5", 2),
        ("STANDARD_D16ds_v4", 16),
        ("Standard_DS3_v2", 4),
        ("Standard_D13", 8),
        ("Standard_A4_v2", 4),
        ("Standard_A4", 8),
        ("Standard_E8-2s_v5", 2),
        ("Standard_NC24ads_A100_v4", 24),
        ("Standard_F4s", 4),
        ("D2", None),
    ],
)
def test_the_cores_of_a_size_follow_from_its_name(size: str, number: int | None) -> None:
    assert cores(size) == number
