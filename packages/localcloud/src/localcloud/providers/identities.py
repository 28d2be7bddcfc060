"""The identity of a resource: what Resource Manager checks of it, and how it answers with it.

Source: "Managed identities for Azure resources", the REST examples; "Resolve common Azure deployment errors".
"""

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from localcloud.home import TENANT
from localcloud.inventory import Inventory
from localcloud.store import Document
from localcloud.wire import AzureError

TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
KINDS = ("none", "systemassigned", "userassigned", "systemassigned,userassigned")


def check(inventory: Inventory, id_: str, identity: Any) -> None:
    """Raise AzureError 400 for an identity that is incomplete, or that does not exist."""
    kind = str(identity.get("type", "")).replace(" ", "").lower() if isinstance(identity, dict) else ""
    if kind not in KINDS:
        message = "The identity of a resource has one of the types None, SystemAssigned and UserAssigned."
        raise AzureError(400, "InvalidIdentityType", message, target="identity.type")
    given = identity.get("userAssignedIdentities") or {}
    if not isinstance(given, dict) or bool(given) != ("userassigned" in kind):
        message = (
            f"The identity of type '{identity['type']}' has {len(given)} user assigned identities: its"
            " userAssignedIdentities is an object by their resource ids, and is there for UserAssigned only."
        )
        raise AzureError(400, "InvalidIdentityValues", message, target="identity.userAssignedIdentities")
    for each in given:
        found = inventory.get(each)
        if found is None or found["type"].lower() != TYPE.lower():
            raise failed(id_, f"Resource '{each}' was not found.")


def failed(id_: str, reason: str) -> AzureError:
    inner = json.dumps({"error": {"code": "BadRequest", "message": reason}}, separators=(",", ":"))
    message = (
        f"Identity operation for resource '{id_}' failed with error 'Failed to perform resource identity"
        f" operation. Status: 'BadRequest'. Response: '{inner}'.'."
    )
    return AzureError(400, "FailedIdentityOperation", message)


def body(inventory: Inventory, id_: str, identity: Document) -> Document:
    """The identity as Resource Manager returns it: with the ids of its principals."""
    found: Document = {"type": identity["type"]}
    if "systemassigned" in identity["type"].lower():
        own = str(uuid5(NAMESPACE_URL, f"localcloud/system{id_.lower()}"))
        found |= {"principalId": own, "tenantId": TENANT}
    if given := identity.get("userAssignedIdentities"):
        found["userAssignedIdentities"] = {each: principal(inventory, each) for each in given}
    return found


def principal(inventory: Inventory, id_: str) -> Document:
    """principalId and clientId of a user-assigned identity; {} once it is deleted."""
    properties = (inventory.get(id_) or {"properties": {}})["properties"]
    return {name: properties[name] for name in ("principalId", "clientId") if name in properties}
