"""Role assignments at all scopes.

Sources: "Role Assignments - Create" of 2022-04-01; "Troubleshoot Azure RBAC" for the refusals.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.access.assignments import Assignment
from localcloud.access.conditions.errors import InvalidConditionError, UnsupportedConditionError
from localcloud.access.definitions import role_id
from localcloud.access.scopes import covers
from localcloud.arm import opened
from localcloud.authorization.checks import (
    SCOPES,
    bad,
    definition_id,
    existing_scope,
    is_guid,
    role,
    scope_of,
    written,
)
from localcloud.authorization.filters import terms
from localcloud.grants import ASSIGNMENT
from localcloud.identities import Principal
from localcloud.inventory import Inventory, properties_of
from localcloud.service import Cloud
from localcloud.storage import conditions
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, json_body

type Find = Callable[[str], Principal | None]

FIXED = ("principalId", "roleDefinitionId", "scope")
KEPT = ("description", "condition", "conditionVersion", "delegatedManagedIdentityResourceId")


def routes(cloud: Cloud) -> list[BaseRoute]:
    inventory = cloud.inventory

    async def put(request: Request) -> Response:
        scope, name = existing_scope(request, inventory), request.path_params["name"]
        id_ = f"{scope}/providers/{ASSIGNMENT}/{name}"
        sent = properties_of(await json_body(request))
        wanted = accepted(cloud.principals.of_object_id, inventory, id_, sent)
        earlier = inventory.get(id_)
        document, _ = inventory.put(
            ASSIGNMENT, id_, {}, wanted | written(cloud.arm_caller(request), earlier, wanted)
        )
        return JSONResponse(document, 200 if earlier else 201)

    async def get(request: Request) -> Response:
        found = inventory.get(request.url.path.rstrip("/"))
        if found is None:
            name = request.path_params["name"]
            raise AzureError(404, "RoleAssignmentNotFound", f"The role assignment '{name}' is not found.")
        return JSONResponse(found)

    async def delete(request: Request) -> Response:
        found = inventory.get(request.url.path.rstrip("/"))
        if found is None:
            return Response(status_code=204)
        inventory.delete(found["id"])
        return JSONResponse(found)

    async def list_all(request: Request) -> Response:
        return JSONResponse({"value": listed(request, inventory)})

    found: list[BaseRoute] = []
    for scope in SCOPES:
        every = f"{scope}/providers/{ASSIGNMENT}"
        found += [
            ArmRoute("GET", every, opened(cloud, list_all)),
            ArmRoute("GET", f"{every}/{{name}}", opened(cloud, get)),
            ArmRoute("PUT", f"{every}/{{name}}", opened(cloud, put)),
            ArmRoute("DELETE", f"{every}/{{name}}", opened(cloud, delete)),
        ]
    return found


def listed(request: Request, inventory: Inventory) -> list[Document]:
    """The assignments at a scope and above it, and below it unless the filter is atScope()."""
    wanted, scope = terms(request, "atscope", "assignedto", "principalid"), scope_of(request)
    principal = wanted.get("assignedto") or wanted.get("principalid")
    return [
        each
        for each in inventory.all(ASSIGNMENT)
        if (
            covers(each["properties"]["scope"], scope)
            or ("atscope" not in wanted and covers(scope, each["properties"]["scope"]))
        )
        and (principal is None or each["properties"]["principalId"].lower() == principal.lower())
    ]


def accepted(find: Find, inventory: Inventory, id_: str, sent: Document) -> Document:
    """The properties of an assignment that is to be stored. Raises AzureError for what Azure refuses.

    find: the principal of an object id.
    """
    scope, _, name = id_.rpartition(f"/providers/{ASSIGNMENT}/")
    if not is_guid(name):
        message = f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
        raise bad("InvalidRoleAssignmentId", message)
    if not is_guid(sent.get("principalId")):
        raise bad("InvalidPrincipalId", "A valid principal ID must be provided.")
    wanted = {
        "roleDefinitionId": checked_role(inventory, scope, str(sent.get("roleDefinitionId"))),
        "principalId": sent["principalId"],
        "principalType": checked_type(find, sent["principalId"], sent.get("principalType")),
        "scope": scope,
        **{each: sent[each] for each in KEPT if sent.get(each) is not None},
    }
    check_condition(id_, wanted)
    check_earlier(inventory, id_, wanted)
    return wanted


def checked_role(inventory: Inventory, scope: str, definition: str) -> str:
    """The resource id of a role that may be assigned at a scope, given by its id in any scope."""
    id_ = role_id(definition)
    if not is_guid(id_) or "/roledefinitions/" not in definition.lower():
        raise bad("InvalidRoleDefinitionId", "The role definition ID is not valid.")
    found = role(inventory, id_)
    if found is None:
        message = f"The specified role definition with ID '{id_.replace('-', '')}' does not exist."
        raise bad("RoleDefinitionDoesNotExist", message)
    if not any(covers(each, scope) for each in found.assignable_scopes):
        message = f"The role '{found.name}' cannot be assigned at '{scope}': no assignableScope covers it."
        raise bad("RoleAssignmentScopeNotAssignableToRoleDefinition", message)
    return definition_id(id_)


def checked_type(find: Find, id_: str, given: str | None) -> str:
    """The type of a principal. Azure looks for one in its directory only where the body names no type."""
    known = find(id_)
    if known is None and given is None:
        message = (
            f"Principal {id_.replace('-', '')} does not exist in the directory. Check that you have the"
            " correct principal ID. If you are creating this principal and then immediately assigning a role,"
            " this error might be related to a replication delay. In this case, set the role assignment"
            " principalType property to a value, such as ServicePrincipal, User, or Group."
        )
        raise bad("PrincipalNotFound", message)
    if given is not None and given not in ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device"):
        raise bad("InvalidPrincipalType", f"The principal type '{given}' is not valid.")
    if known is not None and given is not None and known.type != given:
        message = (
            f"The PrincipalId '{id_.replace('-', '')}' has type '{known.type}' , which is different from"
            f" specified PrincipalType '{given}'."
        )
        raise bad("UnmatchedPrincipalType", message)
    return given or (known.type if known else "")


def check_condition(id_: str, wanted: Document) -> None:
    """Raise AzureError 400 for a condition that Azure refuses, 501 for one that cannot be evaluated."""
    if wanted.get("conditionVersion") and not wanted.get("condition"):
        raise bad("InvalidConditionVersion", "conditionVersion needs a condition.")
    try:
        found = Assignment.from_arm({"id": id_, "properties": wanted})
        if found.condition:
            conditions.check(found.condition)
    except InvalidConditionError as error:
        raise bad("InvalidCondition", f"The condition is not valid: {error}") from None
    except UnsupportedConditionError as error:
        raise AzureError(501, "NotImplemented", f"The condition cannot be evaluated here: {error}") from None


def check_earlier(inventory: Inventory, id_: str, wanted: Document) -> None:
    """Raise AzureError for an assignment that exists already, or whose name is that of another one."""

    def fixed(properties: Document) -> list[str]:
        return [str(properties[each]).lower() for each in FIXED]

    for each in inventory.all(ASSIGNMENT):
        same, own = fixed(each["properties"]) == fixed(wanted), each["id"].lower() == id_.lower()
        if same and not own:
            message = (
                "The role assignment already exists. The ID of the existing role assignment is"
                f" {each['name'].replace('-', '')}."
            )
            raise bad("RoleAssignmentExists", message, 409)
        if own and not same:
            message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
            raise bad("RoleAssignmentUpdateNotPermitted", message)
