"""Role definitions: what a role allows. Source: "Understand Azure role definitions"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from localcloud.access.calls import Call
from localcloud.access.conditions.parser import parse
from localcloud.access.conditions.terms import Condition
from localcloud.access.operations import matches


@dataclass(frozen=True)
class Permission:
    """Patterns of operations. What is excluded is taken from this permission, and denies nothing else."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    condition: Condition | None = None

    @classmethod
    def from_arm(cls, body: Mapping[str, Any]) -> Self:
        """Read one of a definition's `permissions`. Raises as `parse` does for a condition."""
        return cls(
            tuple(body.get("actions") or ()),
            tuple(body.get("notActions") or ()),
            tuple(body.get("dataActions") or ()),
            tuple(body.get("notDataActions") or ()),
            parse(body["condition"]) if body.get("condition") else None,
        )

    def allows(self, call: Call) -> bool:
        granted = self.data_actions if call.is_data else self.actions
        excluded = self.not_data_actions if call.is_data else self.not_actions
        return (
            any(matches(each, call.operation) for each in granted)
            and not any(matches(each, call.operation) for each in excluded)
            and (self.condition is None or self.condition.met(call))
        )


@dataclass(frozen=True)
class RoleDefinition:
    """A role by its id, a GUID in small letters that is the same in every scope."""

    id: str
    name: str
    permissions: tuple[Permission, ...]
    assignable_scopes: tuple[str, ...] = ("/",)

    @classmethod
    def from_arm(cls, body: Mapping[str, Any]) -> Self:
        """Read a role definition: `{"name" or "id", "properties": {"roleName", "permissions", …}}`."""
        given = body["properties"]
        return cls.of(
            role_id(str(body.get("name") or body["id"])),
            given["roleName"],
            given["permissions"],
            tuple(given.get("assignableScopes", ("/",))),
        )

    @classmethod
    def of(
        cls, id_: str, name: str, permissions: Sequence[Mapping[str, Any]], scopes: tuple[str, ...] = ("/",)
    ) -> Self:
        return cls(id_, name, tuple(Permission.from_arm(each) for each in permissions), scopes)

    def allows(self, call: Call) -> bool:
        """Whether the role allows a call, wherever it is assigned."""
        return any(each.allows(call) for each in self.permissions)


def role_id(definition: str) -> str:
    """The GUID of a role definition, given by that or by a resource id in any scope."""
    return definition.rstrip("/").rpartition("/")[2].lower()
