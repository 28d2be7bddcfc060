"""The decision. Source: "What is Azure RBAC?", section "How Azure RBAC determines if a user has access"."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from localcloud.access.assignments import Assignment
from localcloud.access.built_in import built_in
from localcloud.access.calls import Call
from localcloud.access.definitions import RoleDefinition
from localcloud.access.scopes import covers


class UnknownRoleError(LookupError):
    """An assignment names a role that is neither built in nor defined."""


@dataclass(frozen=True)
class Allowed:
    """The call may be made, by this assignment among others."""

    call: Call
    assignment: Assignment


@dataclass(frozen=True)
class Refused:
    """The call may not be made: no assignment of its principal allows it. code: Azure's error code."""

    call: Call
    code: str = "AuthorizationFailed"

    @property
    def message(self) -> str:
        """Resource Manager's own sentence."""
        call = self.call
        return (
            f"The client '{call.client or call.principal}' with object id '{call.principal}' does not have "
            f"authorization to perform action '{call.operation}' over scope '{call.scope}' or the scope is "
            "invalid. If access was recently granted, please refresh your credentials."
        )


class Access:
    """All role assignments that count. Assignments only add up: what one excludes, another may allow."""

    def __init__(
        self,
        assignments: Iterable[Assignment],
        custom_roles: Iterable[RoleDefinition] = (),
        parents: Mapping[str, str] | None = None,
    ) -> None:
        """parents: the management group of each subscription and management group, by id.

        Raises UnknownRoleError if an assignment's role is neither built in nor among custom_roles.
        """
        self._parents = parents
        self._held: defaultdict[str, list[tuple[Assignment, RoleDefinition]]] = defaultdict(list)
        custom = {role.id: role for role in custom_roles}
        for each in assignments:
            role = custom.get(each.role) or built_in(each.role)
            if role is None:
                raise UnknownRoleError(f"The role {each.role} of the assignment {each.id} is not defined.")
            self._held[each.principal.lower()].append((each, role))

    @property
    def held(self) -> Mapping[str, Sequence[tuple[Assignment, RoleDefinition]]]:
        """The assignments of each principal, by object id in small letters, each with its role."""
        return self._held

    def decide(self, call: Call) -> Allowed | Refused:
        """Decide whether a call may be made, and by which assignment."""
        for assignment, role in self._held.get(call.principal.lower(), ()):
            if (
                covers(assignment.scope, call.scope, self._parents)
                and role.allows(call)
                and (assignment.condition is None or assignment.condition.met(call))
            ):
                return Allowed(call, assignment)
        return Refused(call)
