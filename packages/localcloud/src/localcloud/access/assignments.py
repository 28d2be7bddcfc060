"""Role assignments: which role a principal has on which scope. Source: "Role Assignments - Create"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from localcloud.access.conditions.errors import InvalidConditionError
from localcloud.access.conditions.parser import parse
from localcloud.access.conditions.terms import Condition
from localcloud.access.definitions import role_id

_TYPE = re.compile(r"/providers/Microsoft\.Authorization/roleAssignments/[^/]+/?$", re.IGNORECASE)
VERSION = "2.0"
"""The version of the language of conditions that Azure accepts, and the default."""


@dataclass(frozen=True)
class Assignment:
    """role: a role definition's GUID. condition: what a call must meet beside the role, if anything."""

    id: str
    principal: str
    role: str
    scope: str
    condition: Condition | None = None

    @classmethod
    def from_arm(cls, body: Mapping[str, Any]) -> Self:
        """Read the body of an assignment: `{"id", "properties": {"principalId", "roleDefinitionId", …}}`.

        Its scope is `properties.scope`, or what its id begins with. Raises InvalidConditionError or
        UnsupportedConditionError for a condition that cannot be evaluated.
        """
        given = body["properties"]
        condition = given.get("condition")
        if condition and given.get("conditionVersion", VERSION) != VERSION:
            raise InvalidConditionError(
                f"conditionVersion is {given['conditionVersion']!r}; only {VERSION!r} is accepted."
            )
        return cls(
            body["id"],
            given["principalId"],
            role_id(given["roleDefinitionId"]),
            given.get("scope") or _TYPE.sub("", body["id"]) or "/",
            parse(condition) if condition else None,
        )
