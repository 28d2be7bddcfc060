"""The one place where it is decided whether a caller may do what a route does, before its handler runs.

Sources: "Troubleshoot Azure RBAC" for the refusals; for linked access "Assign a managed identity access to
another resource" and LinkedAuthorizationFailed in "Resolve common Azure deployment errors".
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from starlette.requests import Request

from localcloud.access.calls import Call
from localcloud.access.conditions.attributes import Attribute, Value
from localcloud.access.decisions import Refused
from localcloud.access.definitions import role_id
from localcloud.access.scopes import covers
from localcloud.arm import known_subscription
from localcloud.authorization.checks import custom_role
from localcloud.grants import ASSIGNMENT, DEFINITION
from localcloud.home import SUBSCRIPTION
from localcloud.rights import Right
from localcloud.service import Cloud
from localcloud.wire import AzureError, json_body

ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
DEPLOY = "Microsoft.Resources/deployments/write"
JOIN_PLAN = "Microsoft.Web/serverfarms/join/action"


class Guard:
    """Decides by the roles of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def admit(self, right: Right, request: Request) -> None:
        """Let a request through. Raises AzureError 401 without a valid token, 403 without the right."""
        if right.before:
            right.before(request)
        if not right.token:
            return
        caller = self._cloud.caller(request, right.audience)
        if not right.operation:
            return
        known_subscription(request)
        call = Call(
            caller.object_id,
            named(right.operation, request.path_params),
            right.scope(request),
            right.is_data,
            attributes=await self._attributes(right, request),
            client=caller.client,
        )
        decided = self._cloud.grants.decide(call)
        if isinstance(decided, Refused) and right.filtered and self._holds_any_role(call.principal):
            return
        if isinstance(decided, Refused):
            raise right.refusal(decided) if right.refusal else forbidden(decided)
        # Each resource of a deployment is admitted by itself, and its body may be more than strict JSON.
        if request.method in ("PUT", "PATCH") and call.operation != DEPLOY:
            body = await json_body(request)
            self._admit_links(call, [*links(body), *self._scopes_of_role(call, request, body)])
        elif request.method == "DELETE":
            self._admit_links(call, self._scopes_of_role(call, request, {}))

    def _holds_any_role(self, principal: str) -> bool:
        held = self._cloud.inventory.all(ASSIGNMENT)
        return any(each["properties"]["principalId"] == principal for each in held)

    async def leave(self) -> None:
        """After a request: tell whoever must know that access has changed."""
        await self._cloud.grants.announce()

    async def _attributes(self, right: Right, request: Request) -> dict[Attribute, Value]:
        """What the condition of a role may ask for: which assignment a request writes or deletes.

        Source: "Authorization actions and attributes", for delegated role assignments.
        """
        if right.operation == f"{ASSIGNMENT}/write":
            return of_assignment("Request", (await json_body(request)).get("properties"))
        if right.operation == f"{ASSIGNMENT}/delete":
            found = self._cloud.inventory.get(request.url.path.rstrip("/"))
            return of_assignment("Resource", found["properties"] if found else None)
        return {}

    def _scopes_of_role(
        self, call: Call, request: Request, body: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        """Where a caller needs the right to write or delete a role: at each scope that it has or will have.

        A role is found by its GUID from every scope, so the scope of a path says little. The route refuses
        scopes outside the subscription. Source: "Azure custom roles", "Custom role properties".
        """
        if not call.operation.startswith(f"{DEFINITION}/"):
            return
        stored = custom_role(self._cloud.inventory, request.path_params.get("name", ""))
        properties = body.get("properties")
        wanted = properties.get("assignableScopes") if isinstance(properties, dict) else None
        scopes = [
            *(stored.assignable_scopes if stored else ()),
            *(wanted if isinstance(wanted, list) else ()),
        ]
        own = [
            each
            for each in scopes
            if isinstance(each, str) and covers(f"/subscriptions/{SUBSCRIPTION}", each)
        ]
        yield from ((call.operation, each) for each in dict.fromkeys(own))

    def _admit_links(self, call: Call, linked: Iterable[tuple[str, str]]) -> None:
        """Raise AzureError 403 if the caller may not do what a request means for other resources."""
        refused = [
            (operation, scope)
            for operation, scope in linked
            if isinstance(
                self._cloud.grants.decide(Call(call.principal, operation, scope, client=call.client)), Refused
            )
        ]
        if not refused:
            return
        operations = ",".join(dict.fromkeys(operation for operation, _ in refused))
        scopes = ",".join(scope for _, scope in refused)
        raise AzureError(
            403,
            "LinkedAuthorizationFailed",
            f"The client '{call.client}' with object id '{call.principal}' has permission to perform action"
            f" '{call.operation}' on scope '{call.scope}'; however, it does not have permission to perform"
            f" action(s) '{operations}' on the linked scope(s) '{scopes}' (respectively) or the linked"
            " scope(s) are invalid.",
        )


def named(operation: str, given: Mapping[str, Any]) -> str:
    """A route's operation with the names that a path gives; braces of a path itself stay as they are."""
    return re.sub(r"{(\w+)}", lambda found: str(given.get(found[1], found[0])), operation)


def of_assignment(source: str, properties: Any) -> dict[Attribute, Value]:
    """The attributes of a role assignment; a role is known by its GUID alone."""
    given = properties if isinstance(properties, dict) else {}
    values = {
        "RoleDefinitionId": role_id(str(given.get("roleDefinitionId", ""))),
        "PrincipalId": str(given.get("principalId", "")),
        "PrincipalType": str(given.get("principalType", "")),
    }
    return {Attribute.of(source, f"{ASSIGNMENT}:{name}"): value for name, value in values.items() if value}


def forbidden(refused: Refused) -> AzureError:
    """Resource Manager's refusal."""
    return AzureError(403, refused.code, refused.message)


def links(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a caller must be allowed to do on other resources to write a body: operation and scope."""
    identity, properties = body.get("identity"), body.get("properties")
    assigned = identity.get("userAssignedIdentities") if isinstance(identity, dict) else None
    if isinstance(assigned, dict):
        yield from ((ASSIGN, id_) for id_, given in assigned.items() if given is not None)
    if not isinstance(properties, dict):
        return
    of_credential = properties.get("typeProperties")
    of_identity = of_credential.get("resourceId") if isinstance(of_credential, dict) else None
    if properties.get("type") == "ManagedIdentity" and isinstance(of_identity, str):
        yield ASSIGN, of_identity
    if isinstance(properties.get("serverFarmId"), str):
        yield JOIN_PLAN, properties["serverFarmId"]
