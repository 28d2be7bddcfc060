"""What role definitions and role assignments share: their scopes, names and refusals."""

import re
from uuid import UUID

from starlette.requests import Request

from localcloud.access.built_in import built_in
from localcloud.access.definitions import RoleDefinition, role_id
from localcloud.grants import ASSIGNMENT, DEFINITION
from localcloud.home import SUBSCRIPTION
from localcloud.inventory import Inventory, not_found
from localcloud.providers.resources import SCOPES as BELOW_SUBSCRIPTION
from localcloud.store import Document
from localcloud.tokens import Caller
from localcloud.wire import AzureError, timestamp

SCOPES = ("/subscriptions/{subscription}", *BELOW_SUBSCRIPTION)
_END = re.compile(rf"/providers/({re.escape(ASSIGNMENT)}|{re.escape(DEFINITION)})(/[^/]*)?/?$", re.IGNORECASE)


def scope_of(request: Request) -> str:
    """The scope that a path of a role assignment or definition begins with; "" is the tenant."""
    return _END.sub("", request.url.path)


def existing_scope(request: Request, inventory: Inventory) -> str:
    """The scope that a path begins with. Raises AzureError 404 for a resource that does not exist."""
    scope = scope_of(request)
    if "provider" in request.path_params and inventory.get(scope) is None:
        type_, _, name = scope.rpartition("/")
        raise not_found(type_.rpartition("/providers/")[2], name, inventory.group)
    return scope


def custom_role(inventory: Inventory, id_: str) -> RoleDefinition | None:
    """The custom role of a GUID, or None."""
    for each in inventory.all(DEFINITION):
        if role_id(each["name"]) == id_.lower():
            return RoleDefinition.from_arm(each)
    return None


def role(inventory: Inventory, id_: str) -> RoleDefinition | None:
    """The role of a GUID, or None."""
    return custom_role(inventory, id_) or built_in(id_)


def definition_id(id_: str) -> str:
    """A role definition's resource id, as Azure returns it from every scope."""
    return f"/subscriptions/{SUBSCRIPTION}/providers/{DEFINITION}/{id_}"


def is_guid(text: object) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return len(str(text)) == 36


def bad(code: str, message: str, status: int = 400) -> AzureError:
    return AzureError(status, code, message)


def written(caller: Caller, earlier: Document | None, wanted: Document) -> Document:
    """Who made and changed a resource, and when. Writing it as it is changes nothing."""
    before = earlier["properties"] if earlier else {}
    if earlier and before.items() >= wanted.items():
        return {each: before[each] for each in ("createdOn", "createdBy", "updatedOn", "updatedBy")}
    now, by = timestamp(), caller.object_id
    created = {"createdOn": before.get("createdOn", now), "createdBy": before.get("createdBy", by)}
    return created | {"updatedOn": now, "updatedBy": by}
