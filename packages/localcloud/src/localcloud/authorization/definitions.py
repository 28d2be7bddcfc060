"""Role definitions: built-in ones to read, custom ones to write.

A custom role belongs to the tenant, so it is found at every scope. Sources: "Role Definitions - Create Or
Update" of 2022-04-01, "Azure custom roles" and "Troubleshoot Azure RBAC" for the refusals.
"""

import re
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.access.assignments import Assignment
from localcloud.access.built_in import built_in, built_in_named, built_in_roles
from localcloud.access.conditions.errors import InvalidConditionError, UnsupportedConditionError
from localcloud.access.definitions import RoleDefinition, role_id
from localcloud.access.scopes import covers
from localcloud.arm import opened
from localcloud.authorization.checks import SCOPES, bad, definition_id, is_guid, scope_of, written
from localcloud.authorization.filters import terms
from localcloud.grants import ASSIGNMENT, DEFINITION
from localcloud.home import SUBSCRIPTION
from localcloud.inventory import Inventory, properties_of
from localcloud.rights import SIGNED_IN
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, json_body

OPERATION = re.compile(r"\*|[\w*]+(\.[\w*]+)+/(\S+/)?(read|write|delete|action|\*)|\*/\S+", re.IGNORECASE)
LISTS = {
    "actions": "Action",
    "notActions": "Action",
    "dataActions": "DataAction",
    "notDataActions": "DataAction",
}


def routes(cloud: Cloud) -> list[BaseRoute]:
    inventory = cloud.inventory

    async def put(request: Request) -> Response:
        scope, name = scope_of(request), request.path_params["name"]
        sent = accepted(inventory, scope, name, properties_of(await json_body(request)))
        earlier = custom(inventory, name)
        id_ = earlier["id"] if earlier else definition_id(name.lower())
        document, _ = inventory.put(
            DEFINITION, id_, {}, sent | written(cloud.arm_caller(request), earlier, sent)
        )
        return JSONResponse(document, 201)

    async def get(request: Request) -> Response:
        name = request.path_params["name"]
        found = custom(inventory, name) or shown(built_in(name))
        if found is None:
            raise AzureError(
                404, "RoleDefinitionDoesNotExist", f"The role definition '{name}' does not exist."
            )
        return JSONResponse(found)

    async def delete(request: Request) -> Response:
        name = request.path_params["name"]
        found = custom(inventory, name)
        if found is None:
            return Response(status_code=204)
        holders = (Assignment.from_arm(each) for each in inventory.all(ASSIGNMENT))
        if any(each.role == role_id(name) for each in holders):
            message = (
                "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)."
            )
            raise bad("RoleDefinitionHasAssignments", message)
        inventory.delete(found["id"])
        return JSONResponse(found)

    async def list_all(request: Request) -> Response:
        return JSONResponse({"value": [*listed(request, inventory)]})

    # A template may write a role at a group; its id is the subscription's nevertheless.
    cloud.finds(DEFINITION, lambda name: custom(inventory, name))
    found: list[BaseRoute] = []
    for scope in ("", *SCOPES):
        every = f"{scope}/providers/{DEFINITION}"
        reads = None if scope else SIGNED_IN
        found += [
            ArmRoute("GET", every, opened(cloud, list_all), reads),
            ArmRoute("GET", f"{every}/{{name}}", opened(cloud, get), reads),
        ]
        if scope:
            found += [
                ArmRoute("PUT", f"{every}/{{name}}", opened(cloud, put)),
                ArmRoute("DELETE", f"{every}/{{name}}", opened(cloud, delete)),
            ]
    return found


def custom(inventory: Inventory, name: str) -> Document | None:
    """The custom role of a GUID, or None."""
    return next((each for each in inventory.all(DEFINITION) if each["name"] == name.lower()), None)


def shown(role: RoleDefinition | None) -> Document | None:
    """A built-in role as Resource Manager returns it, without its description, or None."""
    if role is None:
        return None
    permissions = [
        {
            "actions": each.actions,
            "notActions": each.not_actions,
            "dataActions": each.data_actions,
            "notDataActions": each.not_data_actions,
        }
        for each in role.permissions
    ]
    properties = {
        "roleName": role.name,
        "type": "BuiltInRole",
        "assignableScopes": role.assignable_scopes,
        "permissions": permissions,
    }
    return {"id": definition_id(role.id), "name": role.id, "type": DEFINITION, "properties": properties}


def listed(request: Request, inventory: Inventory) -> Iterator[Document]:
    """The roles that can be assigned at a scope; with atScopeAndBelow(), also below it."""
    wanted, scope = terms(request, "rolename", "type", "atscopeandbelow"), scope_of(request)
    for each in (*map(shown, built_in_roles()), *inventory.all(DEFINITION)):
        assert each is not None
        properties = each["properties"]
        scopes = properties["assignableScopes"]
        found = any(covers(one, scope) for one in scopes) or (
            "atscopeandbelow" in wanted and any(covers(scope, one) for one in scopes)
        )
        if (
            found
            and wanted.get("rolename", properties["roleName"]) == properties["roleName"]
            and wanted.get("type", properties["type"]).lower() == properties["type"].lower()
        ):
            yield each


def accepted(inventory: Inventory, scope: str, name: str, sent: Document) -> Document:
    """The properties of a custom role that is to be stored. Raises AzureError for what Azure refuses."""
    if not is_guid(name):
        message = f"The role definition ID '{name}' is not valid. The role definition ID must be a GUID."
        raise bad("InvalidRoleDefinitionId", message)
    if built_in(name):
        raise bad("RoleDefinitionCannotBeUpdated", f"The role '{name}' is built in and cannot be changed.")
    role_name = sent.get("roleName")
    if not isinstance(role_name, str) or not 0 < len(role_name) <= 512:
        raise bad(
            "InvalidRoleDefinitionName", "A role definition needs a roleName of at most 512 characters."
        )
    check_unique(inventory, name, role_name)
    permissions = sent.get("permissions")
    if not isinstance(permissions, list) or len(permissions) != 1:
        raise bad("InvalidRoleDefinitionPermissions", "A custom role has exactly one entry of permissions.")
    check_permission(permissions[0])
    return {
        "roleName": role_name,
        "type": "CustomRole",
        "description": str(sent.get("description") or ""),
        "assignableScopes": checked_scopes(scope, sent.get("assignableScopes")),
        "permissions": [{each: permissions[0].get(each) or [] for each in LISTS}],
    }


def check_unique(inventory: Inventory, name: str, role_name: str) -> None:
    """Raise AzureError 409 for the name of another role of the tenant."""
    others = (each for each in inventory.all(DEFINITION) if each["name"] != name.lower())
    taken = any(each["properties"]["roleName"].lower() == role_name.lower() for each in others)
    if taken or built_in_named(role_name):
        message = (
            "A role definition cannot be updated with a name that already exists: a role with the name"
            f" '{role_name}' exists in this directory. Use a different name."
        )
        raise bad("RoleDefinitionWithSameNameExists", message, 409)


def check_permission(permission: object) -> None:
    """Raise AzureError 400 for operations that no provider can have."""
    if not isinstance(permission, dict):
        raise bad("InvalidRoleDefinitionPermissions", "An entry of permissions is an object.")
    for kind, noun in LISTS.items():
        for each in permission.get(kind) or []:
            if not isinstance(each, str) or not OPERATION.fullmatch(each):
                code = f"Invalid{noun}OrNot{noun}"
                raise bad(code, f"'{each}' does not match any of the actions supported by the providers.")
    try:
        RoleDefinition.of("", "", [permission])
    except (InvalidConditionError, UnsupportedConditionError) as error:
        raise bad("InvalidCondition", f"The condition is not valid: {error}") from None


def checked_scopes(scope: str, scopes: object) -> list[str]:
    """The assignable scopes, one of which is the scope of the request or above it."""
    if not isinstance(scopes, list) or not scopes or not all(isinstance(each, str) for each in scopes):
        raise bad("InvalidRoleDefinitionScopes", "A custom role needs assignableScopes.")
    for each in scopes:
        if not re.match(rf"/subscriptions/{SUBSCRIPTION}(/|$)", each, re.IGNORECASE):
            message = f"The scope '{each}' is not authorized: it is not in the subscription {SUBSCRIPTION}."
            raise bad("LinkedInvalidPropertyId" if not each.startswith("/") else "InvalidScope", message)
    if not any(covers(each, scope) for each in scopes):
        message = f"The assignableScopes of a role that is written at '{scope}' must contain it."
        raise bad("InvalidRoleDefinitionScopes", message)
    return scopes
