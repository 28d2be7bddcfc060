"""Whether the identities of a deployment may make the calls that they make.

Their role assignments and the definitions of these roles come from Resource Manager, and are decided on as
Azure decides, by localcloud.access.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from touchdown.checking.deployment import IDENTITY, Deployment, pages
from touchdown.checking.findings import Finding, Outcome
from touchdown.connection import Json

if TYPE_CHECKING:
    from localcloud.access.conditions.attributes import Attribute, Value
    from localcloud.access.decisions import Access

ASSIGNMENTS = "/providers/Microsoft.Authorization/roleAssignments"
MANAGEMENT_GROUP = "/managementgroups/"
DEFINITION_VERSION = "2022-04-01"
EMPTY_USER_LOG = "`SmokeTestFailed`, exit code 42 and an empty user log"
AGAIN = (
    "Deploy the infrastructure again, with azd by `azd provision --no-state`: it assigns these roles. A new"
    " assignment takes effect within 30 minutes."
)
DELETES = "Microsoft.Storage/storageAccounts/blobServices/containers/delete"
MAY_DELETE = ("workspace",)
"""The identities that may delete containers of the data account: docs/roles.md says why."""
SHOWN = 3
"""Operations that a message names; the rest are counted."""


@dataclass(frozen=True)
class Needed:
    """Calls of an identity at one place, which one role assignment allows. when: as in docs/roles.md."""

    identity: str
    role: str
    scope: str
    place: str
    when: str
    calls: list[Json]

    def operations(self) -> list[tuple[str, bool, str]]:
        """The operations, each with whether it is a data action, and the blob that it is on, or ""."""
        return sorted(
            {
                (name, kind == "dataActions", call.get("blob", ""))
                for call in self.calls
                for kind in ("actions", "dataActions")
                for name in call.get(kind, [])
            }
        )


def needed() -> list[Needed]:
    """What the identities need, as bicep/roles.json and the deployed assignments say."""
    rows = json.loads((files(__package__) / "operations.json").read_text(encoding="utf-8"))
    return [Needed(**row) for row in rows]


def roles(found: Deployment) -> Iterator[Finding]:
    """One finding for each identity."""
    rows = needed()
    for identity in dict.fromkeys(row.identity for row in rows):
        id_ = found.resources.get((IDENTITY.lower(), f"id-{identity}-{found.token}"))
        if id_ is None:
            message = (
                f"the identity id-{identity}-{found.token} does not exist: deploy bicep/main.bicep again."
            )
            yield Finding("roles", Outcome.FAILED, message)
            continue
        principal = str(found.get(id_)["properties"]["principalId"])
        yield finding(found, identity, principal, [row for row in rows if row.identity == identity])


def finding(found: Deployment, identity: str, principal: str, rows: list[Needed]) -> Finding:
    name = f"id-{identity}-{found.token}"
    access, unread = access_of(found, principal)
    refused = [(row, operations) for row, operations in unmet(found, access, principal, rows) if operations]
    if refused:
        said = "; ".join(
            f"{listed(operations)} on the {row.scope}, for lack of {row.role}" for row, operations in refused
        )
        if unread:
            unknown = f"{name}: it is unknown whether an assignment allows {said}: {'; '.join(unread)}"
            return Finding("roles", Outcome.NOT_CHECKED, unknown)
        cell = EMPTY_USER_LOG if identity == "scoring" else ""
        message = f"{name} may not {said}. {AGAIN}"
        return Finding("roles", Outcome.FAILED, message, cell)
    if identity not in MAY_DELETE and (by := deleting(found, access, principal)):
        message = (
            f"{name} may delete containers of the data account, by {', '.join(by)}: delete this assignment,"
            ' which a deployment leaves if an earlier version made it (docs/roles.md, "Who may change'
            ' containers").'
        )
        return Finding("roles", Outcome.FAILED, message)
    count = sum(len({name for name, *_ in row.operations()}) for row in rows)
    return Finding("roles", Outcome.OK, f"{name} may make its calls; operations: {count}.")


def deleting(found: Deployment, access: "Access", principal: str) -> list[str]:
    """The assignments by which a principal may delete containers of the data account, one a container."""
    from localcloud.access.calls import Call
    from localcloud.access.decisions import Allowed

    scopes = {scope_of(found, row) for row in needed() if "/stdata{token}/blobServices/" in row.place}
    decided = [access.decide(Call(principal, DELETES, each)) for each in scopes]
    return sorted({each.assignment.id for each in decided if isinstance(each, Allowed)})


def scope_of(found: Deployment, row: Needed) -> str:
    place = row.place.format(token=found.token, container=found.target.container)
    return f"{found.group}/providers/{place}"


def listed(operations: list[str]) -> str:
    more = len(operations) - SHOWN
    return ", ".join(operations[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def unmet(
    found: Deployment, access: "Access", principal: str, rows: Iterable[Needed]
) -> Iterator[tuple[Needed, list[str]]]:
    """Each row with those of its operations that are refused.

    Rows with `when` are alternatives, of which a deployment has one: those of the other value do not count.
    """
    alternatives: dict[str, dict[str, list[tuple[Needed, list[str]]]]] = {}
    for row in rows:
        result = (row, refused_of(found, access, principal, row))
        if row.when:
            parameter = row.when.partition("=")[0].rstrip("!")
            alternatives.setdefault(parameter, {}).setdefault(row.when, []).append(result)
        else:
            yield result
    for values in alternatives.values():
        # A value that stands alone needs nothing where the parameter has another.
        if len(values) > 1:
            yield from min(values.values(), key=lambda results: sum(len(each) for _, each in results))


def refused_of(found: Deployment, access: "Access", principal: str, row: Needed) -> list[str]:
    """The operations of a row that are refused."""
    from localcloud.access.calls import Call
    from localcloud.access.conditions.attributes import BLOB_PATH, CONTAINER_NAME
    from localcloud.access.decisions import Refused

    def attributes(blob: str) -> "Mapping[Attribute, Value]":
        """What the condition of an assignment may ask of a call on a blob, `container/name`."""
        container, _, name = blob.format(container=found.target.container).partition("/")
        return {CONTAINER_NAME: container, BLOB_PATH: name} if name else {}

    scope = scope_of(found, row)
    refused = [
        name
        for name, is_data, blob in row.operations()
        if isinstance(
            access.decide(Call(principal, name, scope, is_data=is_data, attributes=attributes(blob))), Refused
        )
    ]
    return list(dict.fromkeys(refused))


def access_of(found: Deployment, principal: str) -> tuple["Access", list[str]]:
    """What a principal holds in the group, above it and below it, groups included. Raises ApiError.

    With it, why an assignment cannot be evaluated: its condition uses what localcloud.access does not know.
    Source: "List Azure role assignments using the REST API", filter assignedTo.
    """
    from localcloud.access.assignments import Assignment
    from localcloud.access.decisions import Access
    from localcloud.access.definitions import RoleDefinition

    filter_ = {"$filter": f"assignedTo('{principal}')"}
    listed = list(pages(found.connection, f"{found.group}{ASSIGNMENTS}", "", **filter_))
    held: dict[str, list[Assignment]] = {}
    unread = []
    for each in listed:
        try:
            assignment = Assignment.from_arm(held_by(each, principal))
        except ValueError as error:
            unread.append(f"{each['id']}: {error}")
            continue
        held.setdefault(str(each["properties"]["roleDefinitionId"]).lower(), []).append(assignment)
    definitions = [RoleDefinition.from_arm(definition(found, id_)) for id_ in held]
    return Access([each for some in held.values() for each in some], definitions), unread


def definition(found: Deployment, id_: str) -> Json:
    return found.connection.resource_manager("GET", id_, params={"api-version": DEFINITION_VERSION})


def held_by(assignment: dict[str, Any], principal: str) -> Json:
    """An assignment as one of the principal itself: a group that it is a member of holds some.

    A list for a resource group has those of the management groups above it, which count as everywhere.
    """
    properties = {**assignment["properties"], "principalId": principal}
    if MANAGEMENT_GROUP in str(properties.get("scope", "")).lower():
        properties["scope"] = "/"
    return {**assignment, "properties": properties}
