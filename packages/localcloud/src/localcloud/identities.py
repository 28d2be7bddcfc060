"""Principals, and the managed identities of resources: their ids, and what Resource Manager returns of them.

Ids follow from the resource's id, so that they are the same on every machine. An identity that was deleted
and made again is another principal, as in Azure. Source: "Managed identity types" of Microsoft Entra.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

from localcloud.home import TENANT
from localcloud.store import Document

USER_ASSIGNED = "Microsoft.ManagedIdentity/userAssignedIdentities"
Type = Literal["User", "ServicePrincipal"]
DOMAIN = "localcloud.test"


@dataclass(frozen=True)
class Principal:
    """Somebody to whom roles can be assigned. client_id: the application through which they sign in."""

    object_id: str
    client_id: str
    name: str
    type: Type = "ServicePrincipal"

    @property
    def user_name(self) -> str:
        """The user principal name of a person; "" for a service principal."""
        return f"{self.name}@{DOMAIN}" if self.type == "User" else ""


PLATFORM = Principal(
    str(uuid5(NAMESPACE_URL, "localcloud/platform")),
    str(uuid5(NAMESPACE_URL, "localcloud/platform/client")),
    "platform",
)
"""Azure itself, for what no role is needed: containers made through Resource Manager, Event Grid's feed."""


def object_id_of(resource: str, deleted: int = 0) -> str:
    """The object id of an identity, by its resource id or by that of the resource whose own identity it is.

    deleted: how many identities of this id were deleted before.
    """
    return _guid("principal", resource, deleted)


def client_id_of(resource: str, deleted: int = 0) -> str:
    """The client id of an identity; the arguments are those of `object_id_of`."""
    return _guid("client", resource, deleted)


def system_assigned(resource_id: str, deleted: int) -> Principal:
    """The identity that a resource has of its own. deleted: as for `object_id_of`."""
    name = resource_id.rpartition("/")[2]
    return Principal(object_id_of(resource_id, deleted), client_id_of(resource_id, deleted), name)


def kinds_of(identity: Mapping[str, object]) -> set[str]:
    """What an `identity` says that a resource has: systemassigned, userassigned, none."""
    return {each.strip().lower() for each in str(identity.get("type", "")).split(",")}


def expanded(identity: Document, own: Principal, find: Callable[[str], Document | None]) -> Document:
    """The `identity` of a resource as Resource Manager returns it: with the ids of the principals.

    own: the resource's own identity, if it has one. find: the user-assigned identity of an id, or None.
    """
    kinds = kinds_of(identity)
    body: Document = {**identity}
    if "systemassigned" in kinds:
        body |= {"principalId": own.object_id, "tenantId": TENANT}
    if "userassigned" in kinds:
        listed = identity.get("userAssignedIdentities") or {}
        body["userAssignedIdentities"] = {
            id_: _ids(found) if (found := find(id_)) else {}
            for id_, given in listed.items()
            if given is not None
        }
    return body


def _ids(identity: Document) -> Document:
    properties = identity["properties"]
    return {"principalId": properties["principalId"], "clientId": properties["clientId"]}


def _guid(what: str, resource: str, deleted: int) -> str:
    again = f"#{deleted}" if deleted else ""
    return str(uuid5(NAMESPACE_URL, f"localcloud/{what}{resource.lower()}{again}"))
