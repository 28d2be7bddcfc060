"""Which resources of a snapshot need which others."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from localcloud.deployments.tracing import Document, Placeholder, Traced

type Needs = dict[str, set[str]]
"""By the id of a resource, the ids of those that come before it; all in lower case."""

ASSIGNMENT = "microsoft.authorization/roleassignments"
BESIDE = {"microsoft.storage/storageaccounts/managementpolicies": "blobservices/default"}
"""By type, the sibling on whose settings a resource builds, though it does not name it.

A policy may delete earlier versions of blobs, which an account keeps only once its blob service says so
(learn.microsoft.com/azure/storage/blobs/versioning-overview).
"""
FACTORY = re.compile(r".*/providers/microsoft\.datafactory/factories/[^/]+(?=/)")


def needs(resources: Sequence[Traced]) -> Needs:
    """What each resource needs.

    These are the resources that it names by their ids or by ids below them (a parent and a scope stand in its
    own), in Data Factory those to which it refers, the sibling of BESIDE, and the roles of its identity.
    """
    patterns = {each.id: id_pattern(each.id) for each in resources}
    found: Needs = {}
    for resource in resources:
        named = {id_ for id_, pattern in patterns.items() if pattern.search(resource.texts)}
        meant = {*references(resource), *siblings(resource)} & patterns.keys()
        found[resource.id] = (named | meant) - {resource.id}
    add_roles(found, resources)
    return found


def id_pattern(resource: str) -> re.Pattern[str]:
    """Finds a resource's id, or one below it, in a text.

    An id of the tenant begins as other ids go on, so it is not looked for in these.
    """
    before = r"(?<![-\w.()])" if resource.startswith("/providers/") else ""
    return re.compile(before + re.escape(resource) + r"(?![-\w.()])")


def siblings(resource: Traced) -> Iterator[str]:
    if resource.type in BESIDE:
        yield f"{resource.id.rsplit('/', 2)[0]}/{BESIDE[resource.type]}"


def references(resource: Traced) -> Iterator[str]:
    """The ids that a resource of a data factory means by names.

    It writes {"referenceName": "storage", "type": "LinkedServiceReference"} for …/linkedServices/storage.
    """
    factory = FACTORY.match(resource.id)
    for each in objects_in(resource.body) if factory else ():
        name, kind = each.get("referenceName"), each.get("type")
        if factory and isinstance(name, str) and isinstance(kind, str) and kind.endswith("Reference"):
            yield f"{factory[0]}/{kind.removesuffix('Reference')}s/{name}".lower()


def objects_in(value: Any) -> Iterator[Document]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects_in(each)


def add_roles(found: Needs, resources: Sequence[Traced]) -> None:
    """Let each resource that carries an identity need the roles that are assigned to it.

    A role whose assignment needs that resource, for instance as its scope, comes after it.
    """
    for assignment in resources:
        if assignment.type != ASSIGNMENT:
            continue
        principal = assignment.body.get("properties", {}).get("principalId")
        for carrier in resources:
            if principal in principals(carrier) and not leads(found, assignment.id, carrier.id):
                found[carrier.id].add(assignment.id)


def principals(resource: Traced) -> set[str]:
    """The placeholders of the principals whose identities a resource carries."""
    identity = resource.body.get("identity")
    carried: Mapping[str, Any] = (
        identity.get("userAssignedIdentities") if isinstance(identity, dict) else None
    ) or {}
    return {Placeholder.of(each, "principalId") for each in carried}


def leads(found: Needs, start: str, goal: str) -> bool:
    """Whether a resource needs another, itself or by way of others."""
    waiting, known = [start], {start}
    while waiting:
        for each in found[waiting.pop()] - known:
            if each == goal:
                return True
            known.add(each)
            waiting.append(each)
    return False
