"""What the assignments of a case allow, decided as Azure decides it."""

from collections.abc import Iterable, Iterator
from typing import Any

from localcloud.access.assignments import Assignment
from localcloud.access.calls import Call
from localcloud.access.conditions.attributes import BLOB_PATH
from localcloud.access.decisions import Access
from localcloud.access.definitions import RoleDefinition

from scripts.assigned_roles import ASSIGNMENT, DEFINITION, name_of, rows, scope
from tests.bicep.deployed import Deployed, Resource


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
    table = {row["name"]: row for row in rows()}
    return [(table[name_of(each)], each) for each in deployed.of(ASSIGNMENT)]
