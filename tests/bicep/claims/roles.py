"""Claims about role assignments: each has the scope, role and principal that docs/roles.md says."""

import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from scripts.assigned_roles import ASSIGNMENT, Assigned, assigned, name_of, principal_of, role_of, scope_of
from scripts.bicep_compiler import ROOT
from scripts.document_roles import DOCUMENT, documented
from tests.bicep.deployed import Deployed

DEFAULTS = {
    "batchAuthentication": "ManagedIdentity",
    "roleSet": "Proven",
    "imageBuildCompute": "",
    "computeName": "cpu-cluster",
}
"""The defaults of the parameters on which assignments depend."""
CHANGING = (
    "Storage Blob Data Owner",
    "Storage Blob Data Contributor",
    "Touchdown blob owner",
    "Touchdown container maker",
    "Touchdown blob writer",
    "Touchdown uploader",
)
"""The roles that may change blobs."""


@functools.cache
def expected() -> list[Assigned]:
    return documented()


def applies(deployed: Deployed, row: Assigned) -> bool:
    """Whether an assignment is for this case: `when` compares a parameter with a value or another one."""
    if row.identity == "uploaders":
        return "uploaders" in expected_people(deployed)
    given = DEFAULTS | deployed.given
    name, _, value = (row.when or "=").partition("=")
    wanted = given[value] if value in DEFAULTS else value
    if name.endswith("!"):
        return bool(given[name.removesuffix("!")] != wanted)
    return bool(given.get(name, "") == wanted)


def expected_people(deployed: Deployed) -> list[str]:
    return ["uploaders"] if deployed.case in ("uploaders", "everything") else []


def assignments_are_those_of_the_document(deployed: Deployed) -> Iterator[str]:
    rows = expected() if deployed.is_main else []
    wanted = {replace(row, when="") for row in rows if applies(deployed, row)}
    found = {*assigned(deployed)}
    for row in found - wanted:
        yield f"assigned, and not in docs/roles.md for this case: {row}"
    for row in wanted - found:
        yield f"in docs/roles.md, and not assigned in this case: {row}"


def nobody_gets_a_role_twice(deployed: Deployed) -> Iterator[str]:
    """Azure refuses a second assignment of one role to one principal at one scope, whatever its name."""
    given = Counter(
        (scope_of(deployed, each), role_of(deployed, each), each["properties"]["principalId"].lower())
        for each in deployed.of(ASSIGNMENT)
    )
    for row, count in given.items():
        if count > 1:
            yield f"assigned {count} times: {row}"


def an_identity_is_named_as_one(deployed: Deployed) -> Iterator[str]:
    """Azure looks an identity up unless it gets the type, and a new one may not be found yet."""
    for each in deployed.of(ASSIGNMENT):
        is_identity = principal_of(deployed, each) not in ("whoever deploys", "uploaders")
        if each["properties"].get("principalType") != ("ServicePrincipal" if is_identity else None):
            yield f"{deployed.plain(each['id'])}: principalType {each['properties'].get('principalType')}"


def whoever_changes_blobs_has_a_condition(deployed: Deployed) -> Iterator[str]:
    """On the data account, but for Azure ML's own container."""
    for each in deployed.of(ASSIGNMENT):
        role, place = role_of(deployed, each), scope_of(deployed, each)
        is_limited = role in CHANGING and place in ("data account", "container of datasets, code and runs")
        expected = ("2.0", True) if is_limited else (None, False)
        given = each["properties"]
        if (given.get("conditionVersion"), bool(given.get("condition"))) != expected:
            yield f"{name_of(each)} has the condition {given.get('condition')!r}"


def an_assignment_says_where_it_is_explained(deployed: Deployed) -> Iterator[str]:
    """Whoever meets an assignment in Azure reads why it is there: its name, and the document that has it."""
    document = DOCUMENT.relative_to(ROOT).as_posix()
    for each in deployed.of(ASSIGNMENT):
        description = each["properties"].get("description")
        if description != f"{name_of(each)} ({document})":
            yield f"{deployed.plain(each['id'])} has the description {description!r}"


CLAIMS = [
    assignments_are_those_of_the_document,
    nobody_gets_a_role_twice,
    an_assignment_says_where_it_is_explained,
    an_identity_is_named_as_one,
    whoever_changes_blobs_has_a_condition,
]
