"""What the assignments of a case allow, decided as Azure decides it."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from localcloud.access.assignments import Assignment
from localcloud.access.calls import Call
from localcloud.access.conditions.attributes import BLOB_PATH
from localcloud.access.decisions import Access
from localcloud.access.definitions import RoleDefinition

from tests.bicep.claims.roles import ASSIGNMENT, DEFINITION, TABLE, principal_of, role_of, scope_of
from tests.bicep.deployed import Deployed, Resource

WORKSPACE = "known-when-deployed"
"""Stands for the workspace's id, by which Azure ML names the container of its datastore."""
_GIVEN = re.compile(r"\[extensionResourceId\('(?P<scope>[^']+)', ")
_CONTAINER = re.compile(
    r"\[if\(equals\(resourceId\('(?P<subscription>[^']+)', '(?P<group>[^']+)', '(?P<type>[^']+)', "
    r"'(?P<account>[^']+)', '(?P<service>[^']+)', format\('(?P<name>[^']+)', reference\('[^']+', '[^']+'\)"
    r"\.workspaceId\)\), '/'\)"
)


def scope(assignment: Resource) -> str:
    """The id of the resource that an assignment is on. Raises ValueError for an id that it does not know."""
    id_ = assignment["id"]
    if found := _GIVEN.match(id_):
        return found["scope"]
    if found := _CONTAINER.match(id_):
        kinds = found["type"].split("/")
        names = (found["account"], found["service"], found["name"].format(WORKSPACE))
        path = "/".join(f"{kind}/{name}" for kind, name in zip(kinds[1:], names, strict=True))
        group = f"/subscriptions/{found['subscription']}/resourceGroups/{found['group']}"
        return f"{group}/providers/{kinds[0]}/{path}"
    raise ValueError(f"no scope is known for {id_}")


def access(deployed: Deployed, assignments: Iterable[Resource]) -> Access:
    """Decides by some of a case's assignments and by its role definitions.

    A principal that only the deployment knows has the expression for it as its id.
    """
    return Access(
        [
            Assignment.from_arm(each | {"properties": each["properties"] | {"scope": scope(each)}})
            for each in assignments
        ],
        [RoleDefinition.from_arm(each) for each in deployed.of(DEFINITION)],
    )


def calls(row: dict[str, Any], assignment: Resource) -> Iterator[Call]:
    """The operations of a row of bicep/roles.json, by the principal of its assignment and on its scope."""
    for call in row["calls"]:
        for kind in ("actions", "dataActions"):
            for operation in call.get(kind, ()):
                yield Call(
                    assignment["properties"]["principalId"],
                    operation,
                    scope(assignment),
                    is_data=kind == "dataActions",
                    attributes={BLOB_PATH: "datasets/x.csv"},
                )


def assigned(deployed: Deployed) -> list[tuple[dict[str, Any], Resource]]:
    """Each assignment of a case, with its row in bicep/roles.json."""
    rows = {(row["identity"], row["role"], row["scope"]): row for row in TABLE["assignments"]}
    return [
        (rows[principal_of(deployed, each), role_of(deployed, each), scope_of(deployed, each)], each)
        for each in deployed.of(ASSIGNMENT)
    ]
