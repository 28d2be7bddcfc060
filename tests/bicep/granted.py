"""What the assignments of a case allow, decided as Azure decides it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localcloud.access.assignments import Assignment
from localcloud.access.calls import Call
from localcloud.access.conditions.attributes import (
    BLOB_PATH,
    BLOB_PREFIX,
    CONTAINER_NAME,
    Attribute,
    Value,
)
from localcloud.access.decisions import Access
from localcloud.access.definitions import RoleDefinition

from scripts.assigned_roles import ASSIGNMENT, DEFINITION, WORKSPACE, name_of, rows, scope
from tests.bicep.deployed import Deployed, Resource

CONTAINER = f"azureml-blobstore-{WORKSPACE}"


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
    """The operations of a row of bicep/roles.json, by the principal of its assignment and on its scope.

    They are on the blob that the row names, or list what it names. PREFIX is the first that the assignment's
    condition has.
    """
    found = re.search(r"'datasets/([^']*)'", assignment["properties"].get("condition", ""))
    prefix = found[1] if found else ""
    for call in row["calls"]:
        given = {
            key: call[key].replace("PREFIX", prefix).format(container=CONTAINER)
            for key in ("blob", "prefix")
            if key in call
        }
        for kind in ("actions", "dataActions"):
            for operation in call.get(kind, ()):
                yield Call(
                    assignment["properties"]["principalId"],
                    operation,
                    scope(assignment),
                    is_data=kind == "dataActions",
                    suboperation="Blob.List" if "prefix" in given else "",
                    attributes=on_blob(given["blob"]) if "blob" in given else listing(given.get("prefix")),
                )


def on_blob(path: str) -> Mapping[Attribute, Value]:
    """What a condition may ask of a call on a blob. path: its container and its name."""
    container, _, name = path.partition("/")
    return {CONTAINER_NAME: container, BLOB_PATH: name}


def listing(prefix: str | None) -> Mapping[Attribute, Value]:
    """What a condition may ask of a list that is limited to a prefix; nothing where there is none."""
    return {} if prefix is None else {CONTAINER_NAME: CONTAINER, BLOB_PREFIX: prefix}


def assigned(deployed: Deployed) -> list[tuple[dict[str, Any], Resource]]:
    """Each assignment of a case, with its row in bicep/roles.json."""
    table = {row["name"]: row for row in rows()}
    return [(table[name_of(each)], each) for each in deployed.of(ASSIGNMENT)]
