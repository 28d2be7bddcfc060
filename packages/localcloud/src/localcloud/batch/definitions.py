"""What Batch accepts as an account and as a pool, and what it refuses, as the templates send them.

Sources: Bicep types Microsoft.Batch/batchAccounts and …/pools, 2025-06-01; "Batch Account - Create", which
changes no existing account; for the form of refusals, Azure/Batch#85 and Azure/azure-sdk-for-net#40325.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from localcloud.batch.formula import Formula
from localcloud.batch.scaling import duration
from localcloud.batch.vm_sizes import cores
from localcloud.store import Document
from localcloud.wire import AzureError

ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
POOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MODES = ("AAD", "SharedKey", "TaskAuthenticationToken")
SLOTS_PER_CORE = 4
MOST_SLOTS = 256
FORMULA_INTERVAL = (timedelta(minutes=5), timedelta(hours=168))
FIXED_ACCOUNT = {"poolAllocationMode": "BatchService", "allowedAuthenticationModes": list(MODES)}
"""Properties of an account that only its creation sets, or a PATCH, with Batch's defaults."""
CHANGEABLE = (
    "allowedAuthenticationModes",
    "autoStorage",
    "encryption",
    "networkProfile",
    "publicNetworkAccess",
)
"""Properties of an account that a PATCH may change ("Batch Account - Update")."""
FIXED_POOL: dict[str, Any] = {
    "vmSize": None,
    "deploymentConfiguration": None,
    "taskSlotsPerNode": 1,
    "interNodeCommunication": "Disabled",
    "networkConfiguration": None,
    "mountConfiguration": None,
    "userAccounts": None,
}
"""Properties of a pool that only its creation sets, with Batch's defaults."""
READ_ONLY_ACCOUNT = ("accountEndpoint", "nodeManagementEndpoint", "provisioningState")
READ_ONLY_POOL = (
    *("provisioningState", "provisioningStateTransitionTime", "allocationState", "creationTime"),
    *("allocationStateTransitionTime", "lastModified", "currentDedicatedNodes", "currentLowPriorityNodes"),
    *("autoScaleRun", "resizeOperationStatus"),
)

Exists = Callable[[str], bool]
"""Whether there is a resource of an id."""


def refused(code: str, reason: str, path: str) -> AzureError:
    """Batch's refusal of a property, such as `properties.vmSize`."""
    details = [("Reason", reason), ("PropertyName", path.rpartition(".")[2]), ("PropertyPath", path)]
    return AzureError(
        400,
        code,
        f"{reason} ({path})",
        target="BatchAccount",
        details=[{"code": name, "message": text} for name, text in details],
    )


def missing(path: str) -> AzureError:
    return refused(
        "MissingRequiredProperty", "A required property was not specified in the request body.", path
    )


def wrong(path: str, why: str) -> AzureError:
    return refused("InvalidPropertyValue", f"The value provided for a property is invalid: {why}.", path)


def unchangeable(path: str) -> AzureError:
    reason = "A property that cannot be updated was specified as part of the request."
    return refused("PropertyCannotBeUpdated", reason, path)


def account(name: str, body: Document, earlier: Document | None, exists: Exists) -> Document:
    """The properties to keep of an account. Raises AzureError 400 as Batch refuses it."""
    if not ACCOUNT_NAME.fullmatch(name):
        raise AzureError(
            400, "InvalidAccountName", f"'{name}' is no name of 3 to 24 small letters and digits."
        )
    if not body.get("location"):
        raise AzureError(400, "LocationRequired", "The location property is required for this definition.")
    check_identity(body.get("identity"), exists)
    properties = without(body.get("properties") or {}, READ_ONLY_ACCOUNT)
    modes = properties.get("allowedAuthenticationModes")
    if modes is not None and not (isinstance(modes, list) and modes and set(modes) <= set(MODES)):
        raise wrong("properties.allowedAuthenticationModes", f"some of {', '.join(MODES)} are expected")
    if properties.get("poolAllocationMode", "BatchService") not in ("BatchService", "UserSubscription"):
        raise wrong("properties.poolAllocationMode", "BatchService or UserSubscription is expected")
    if properties.get("autoStorage") is not None:
        check_auto_storage(properties["autoStorage"], body.get("identity"), exists)
    if earlier is not None:
        check_same(earlier["properties"], properties, FIXED_ACCOUNT)
    return FIXED_ACCOUNT | properties


def account_changes(changes: Document) -> Document:
    """The body of a PATCH of an account. Raises AzureError 400 for what a PATCH cannot change."""
    for name in changes.get("properties") or {}:
        if name not in CHANGEABLE:
            raise unchangeable(f"properties.{name}")
    return {name: changes[name] for name in ("tags", "identity", "properties") if name in changes}


def check_auto_storage(given: Document, identity: Document | None, exists: Exists) -> None:
    path = "properties.autoStorage"
    if not given.get("storageAccountId"):
        raise missing(f"{path}.storageAccountId")
    if not exists(given["storageAccountId"]):
        raise wrong(f"{path}.storageAccountId", f"there is no storage account '{given['storageAccountId']}'")
    mode = given.get("authenticationMode", "StorageKeys")
    if mode not in ("StorageKeys", "BatchAccountManagedIdentity"):
        raise wrong(f"{path}.authenticationMode", "StorageKeys or BatchAccountManagedIdentity is expected")
    if mode == "BatchAccountManagedIdentity" and str((identity or {}).get("type", "None")) == "None":
        raise wrong(f"{path}.authenticationMode", "the account has no identity")
    node = (given.get("nodeIdentityReference") or {}).get("resourceId")
    if node and not exists(node):
        raise wrong(f"{path}.nodeIdentityReference.resourceId", f"there is no identity '{node}'")


def pool(name: str, body: Document, earlier: Document | None, exists: Exists) -> Document:
    """The properties to keep of a pool. Raises AzureError 400 as Batch refuses it, 501 for some formulas."""
    if not POOL_NAME.fullmatch(name):
        raise wrong("name", f"'{name}' is no name of 1 to 64 letters, digits, '-' and '_'")
    check_identity(body.get("identity"), exists, allowed=("UserAssigned", "None"))
    properties = without(body.get("properties") or {}, READ_ONLY_POOL)
    check_machine(properties)
    properties["scaleSettings"] = scale(properties.get("scaleSettings"))
    if earlier is not None:
        check_same(earlier["properties"], properties, FIXED_POOL)
        if identities(earlier.get("identity")) != identities(body.get("identity")):
            raise unchangeable("identity")
    if properties.get("startTask") is not None and not properties["startTask"].get("commandLine"):
        raise missing("properties.startTask.commandLine")
    held = identities(body.get("identity"))
    for path, identity in identity_references(properties.get("startTask") or {}, "properties.startTask"):
        if identity.lower() not in held:
            raise wrong(path, f"the pool does not have the identity '{identity}'")
    return properties


def check_machine(properties: Document) -> None:
    """Check the size of a pool's nodes, their image, and how many tasks each runs at once."""
    size = properties.get("vmSize")
    if not size:
        raise missing("properties.vmSize")
    number = cores(str(size))
    if number is None:
        raise wrong("properties.vmSize", f"'{size}' is no VM size")
    machine = "deploymentConfiguration.virtualMachineConfiguration"
    configuration = properties
    for part in machine.split("."):
        configuration = configuration.get(part) or {}
    if not configuration.get("nodeAgentSkuId"):
        raise missing(f"properties.{machine}.nodeAgentSkuId")
    image = configuration.get("imageReference") or {}
    if not image.get("id"):
        for part in ("publisher", "offer", "sku"):
            if not image.get(part):
                raise missing(f"properties.{machine}.imageReference.{part}")
    slots, most = properties.get("taskSlotsPerNode", 1), min(SLOTS_PER_CORE * number, MOST_SLOTS)
    if type(slots) is not int or not 1 <= slots <= most:
        raise wrong("properties.taskSlotsPerNode", f"1 to {most} are allowed on {size}, not {slots}")


def scale(given: Document | None) -> Document:
    """The scale settings to keep; a pool without any has no nodes."""
    given = {name: value for name, value in (given or {}).items() if value is not None}
    if not given:
        return {
            "fixedScale": {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0, "resizeTimeout": "PT15M"}
        }
    if len(given) != 1 or not given.keys() <= {"fixedScale", "autoScale"}:
        raise wrong("properties.scaleSettings", "exactly one of fixedScale and autoScale is expected")
    automatic = given.get("autoScale")
    if automatic is None:
        return given
    path = "properties.scaleSettings.autoScale"
    if not automatic.get("formula"):
        raise missing(f"{path}.formula")
    Formula.parse(str(automatic["formula"]))
    automatic = {"evaluationInterval": "PT15M"} | automatic
    interval = duration(str(automatic["evaluationInterval"])) or timedelta()
    if not FORMULA_INTERVAL[0] <= interval <= FORMULA_INTERVAL[1]:
        raise wrong(f"{path}.evaluationInterval", "5 minutes to 168 hours are allowed")
    return {"autoScale": automatic}


def check_identity(
    given: Document | None,
    exists: Exists,
    allowed: tuple[str, ...] = ("SystemAssigned", "UserAssigned", "None"),
) -> None:
    if given is None:
        return
    if given.get("type") not in allowed:
        raise wrong("identity.type", f"one of {', '.join(allowed)} is expected")
    listed = given.get("userAssignedIdentities") or {}
    if (given["type"] == "UserAssigned") != bool(listed):
        raise wrong(
            "identity.userAssignedIdentities",
            f"identities belong to the type UserAssigned, not {given['type']}",
        )
    for each in listed:
        if not exists(each):
            raise AzureError(
                400, "FailedIdentityOperation", f"The identity '{each}' was not found.", target="identity"
            )


def identities(given: Document | None) -> set[str]:
    """The ids of a resource's user-assigned identities, in small letters."""
    return {each.lower() for each in (given or {}).get("userAssignedIdentities") or {}}


def identity_references(start_task: Document, path: str) -> Iterator[tuple[str, str]]:
    """Where a start task names an identity, and which."""
    for number, file in enumerate(start_task.get("resourceFiles") or []):
        if named := (file.get("identityReference") or {}).get("resourceId"):
            yield f"{path}.resourceFiles[{number}].identityReference.resourceId", str(named)


def check_same(earlier: Document, properties: Document, fixed: Document) -> None:
    for name, default in fixed.items():
        if earlier.get(name, default) != properties.get(name, default):
            raise unchangeable(f"properties.{name}")


def without(given: Any, names: tuple[str, ...]) -> Document:
    if not isinstance(given, dict):
        raise wrong("properties", "an object is expected")
    return {name: value for name, value in given.items() if name not in names}
