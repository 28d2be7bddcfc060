"""Role assignments: which ones Resource Manager refuses.

Sources: "Troubleshoot Azure RBAC" for the refusals; "Azure built-in roles for Storage" for the ids.
"""

import re
from uuid import UUID

from localcloud.grants import ASSIGNMENT
from localcloud.inventory import Inventory
from localcloud.store import Document
from localcloud.wire import AzureError

STORAGE_ROLES = {
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage File Data Privileged Contributor": "69566ab7-960f-475b-8e7c-b3118f30c6bd",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
"""Role definitions by name."""

_DEFINITION = re.compile(
    r"/subscriptions/[^/]+/providers/Microsoft\.Authorization/roleDefinitions/(?P<role>[0-9a-f-]{36})"
    r"|/providers/Microsoft\.Authorization/roleDefinitions/(?P<builtin>[0-9a-f-]{36})",
    re.IGNORECASE,
)


def check_assignment(inventory: Inventory, name: str, scope: str, wanted: Document) -> None:
    """Raise AzureError if Resource Manager would refuse an assignment of this name."""
    if not _is_guid(name):
        raise AzureError(
            400,
            "InvalidRoleAssignmentId",
            f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.",
        )
    if not _is_guid(str(wanted.get("principalId"))):
        raise AzureError(400, "InvalidPrincipalId", "A valid principal ID must be provided.")
    role = _role(str(wanted.get("roleDefinitionId")))
    if not role:
        raise AzureError(400, "InvalidRoleDefinitionId", "The role definition ID is not valid.")
    for each in inventory.all(ASSIGNMENT):
        given = each["properties"]
        if given["scope"].lower() != scope.lower():
            continue
        same = (given["principalId"].lower(), _role(given["roleDefinitionId"])) == (
            wanted["principalId"].lower(),
            role,
        )
        if same and each["name"].lower() != name.lower():
            raise AzureError(409, "RoleAssignmentExists", "The role assignment already exists.")
        if not same and each["name"].lower() == name.lower():
            raise AzureError(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )


def _role(definition: str) -> str:
    """The GUID in the id of a role definition, in small letters, or ""."""
    found = _DEFINITION.fullmatch(definition)
    return (found["role"] or found["builtin"]).lower() if found else ""


def _is_guid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return len(text) == 36
