"""Role assignments for a specification: resources that give a principal one of Azure's built-in roles."""

from uuid import NAMESPACE_URL, uuid5

from localcloud.access.built_in import built_in_named
from localcloud.grants import ASSIGNMENT, DEFINITION
from localcloud.home import SUBSCRIPTION
from localcloud.identities import Principal
from localcloud.spec import Resource


class NoSuchRoleError(LookupError):
    """Azure has no built-in role of a name."""


def assigned(role: str, scope: str, principal: Principal) -> Resource:
    """The assignment of a built-in role, by its name, at a scope. Raises NoSuchRoleError."""
    found = built_in_named(role)
    if found is None:
        raise NoSuchRoleError(f"Azure has no built-in role named {role!r}: names are written as Azure does.")
    name = uuid5(NAMESPACE_URL, f"{principal.object_id} {found.id} {scope.lower()}")
    return Resource(
        f"{scope}/providers/{ASSIGNMENT}/{name}",
        {
            "properties": {
                "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/providers/{DEFINITION}/{found.id}",
                "principalId": principal.object_id,
                "principalType": principal.type,
            }
        },
        "2022-04-01",
    )
