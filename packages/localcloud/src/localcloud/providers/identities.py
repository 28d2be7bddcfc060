"""The identity of a resource that a client sends: what Resource Manager checks of it.

Source: "Managed identities for Azure resources", the REST examples; "Resolve common Azure deployment errors".
"""

import json
from typing import Any

from localcloud.identities import USER_ASSIGNED
from localcloud.inventory import Inventory
from localcloud.wire import AzureError

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
        if found is None or found["type"].lower() != USER_ASSIGNED.lower():
            raise failed(id_, f"Resource '{each}' was not found.")


def failed(id_: str, reason: str) -> AzureError:
    inner = json.dumps({"error": {"code": "BadRequest", "message": reason}}, separators=(",", ":"))
    message = (
        f"Identity operation for resource '{id_}' failed with error 'Failed to perform resource identity"
        f" operation. Status: 'BadRequest'. Response: '{inner}'.'."
    )
    return AzureError(400, "FailedIdentityOperation", message)
