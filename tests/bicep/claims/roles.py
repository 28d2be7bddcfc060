"""Claims about role assignments: each has the scope, role and principal that bicep/roles.json lists."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from localcloud.access.built_in import built_in

from tests.bicep.deployed import Deployed, Resource
from tests.checkout import CHECKOUT

TABLE: dict[str, Any] = json.loads((CHECKOUT / "bicep" / "roles.json").read_text())
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
CONTAINERS = "storageAccounts/{0}/blobServices/default/containers/"
SCOPES = {
    r"storageAccounts/sthost": "storage account of the Functions host",
    r"storageAccounts/stdata": "data account",
    rf"{CONTAINERS.format('sthost')}deadletters": "container deadletters of the host account",
    rf"{CONTAINERS.format('stdata')}(adfjobs|azureml)": r"container \1 of the data account",
    r"resourceId\(.*containers', 'stdata', 'default', .*-blobstore-\{0\}', .*/mlw-\.workspaceId\)\)": (
        "container of datasets, code and runs"
    ),
    r"vaults/kv-": "key vault",
    r"vaults/kv-/secrets/([\w-]+)": r"secret \1",
    r"registries/cr": "container registry",
    r"components/appi-": "Application Insights",
    r"userAssignedIdentities/id-(\w+)-": r"identity \1",
    r"workspaces/mlw-": "Azure ML workspace",
    r"factories/adf-": "data factory",
    r"batchAccounts/ba": "Batch account",
    r"topics/evgt-runs-": "topic of lifecycle events",
}
"""What bicep/roles.json calls a scope, by the end of its id without the token."""
DEFAULTS = {
    "batchAuthentication": "ManagedIdentity",
    "roleSet": "Proven",
    "imageBuildCompute": "",
    "computeName": "cpu-cluster",
}
"""The defaults of the parameters on which assignments depend."""


def scope_of(deployed: Deployed, assignment: Resource) -> str:
    """The scope, in the words of the table, or its id if the table has no words for it."""
    given = deployed.plain(assignment["id"])
    # The id says what the scope is, unless only the deployment knows the scope: then it is an expression.
    found = (
        re.match(r"\[extensionResourceId\('([^']+)', ", given)
        or re.match(r"\[if\(equals\((resourceId\(.*?\)\)), '/'\)", given)
        or re.match(rf"(.*)/providers/{ASSIGNMENT}/", given)
    )
    scope = found[1] if found else given
    for pattern, words in SCOPES.items():
        if exact := re.fullmatch(
            pattern if pattern.startswith("resourceId") else rf"[\w.]+/{pattern}", scope
        ):
            return exact.expand(words)
    return str(scope)


def role_of(deployed: Deployed, assignment: Resource) -> str:
    given = assignment["properties"]["roleDefinitionId"].rpartition("/")[2]
    own = {
        each["name"]: each["properties"]["roleName"].partition(" (")[0] for each in deployed.of(DEFINITION)
    }
    known = built_in(given)
    return known.name if known else own.get(given) or str(given)


def principal_of(deployed: Deployed, assignment: Resource) -> str:
    """The identity's name, or the object id of a person or program."""
    given = assignment["properties"]["principalId"]
    known = re.search(r"userAssignedIdentities/id-(\w+)-[^']*', '[^']*'\)\.principalId\]$", given)
    if given in (deployed.given.get("publisherPrincipalId", "").lower(), "[toLower(deployer().objectId)]"):
        return "whoever deploys"
    return known[1] if known else "uploaders"


def applies(deployed: Deployed, row: dict[str, Any]) -> bool:
    """Whether a row is for this case: `when` compares a parameter with a value or with another parameter."""
    if row["identity"] == "uploaders":
        return "uploaders" in expected_people(deployed)
    given = DEFAULTS | deployed.given
    name, _, value = row.get("when", "=").partition("=")
    wanted = given[value] if value in DEFAULTS else value
    if name.endswith("!"):
        return bool(given[name.removesuffix("!")] != wanted)
    return bool(given.get(name, "") == wanted)


def expected_people(deployed: Deployed) -> list[str]:
    return ["uploaders"] if deployed.case in ("uploaders", "everything") else []


def assignments_are_those_of_the_table(deployed: Deployed) -> Iterator[str]:
    rows = TABLE["assignments"] if deployed.is_main else []
    wanted = {(row["identity"], row["role"], row["scope"]) for row in rows if applies(deployed, row)}
    found = {
        (principal_of(deployed, each), role_of(deployed, each), scope_of(deployed, each))
        for each in deployed.of(ASSIGNMENT)
    }
    for row in sorted(found - wanted):
        yield f"assigned, and not in bicep/roles.json for this case: {row}"
    for row in sorted(wanted - found):
        yield f"in bicep/roles.json, and not assigned in this case: {row}"


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


def uploaders_write_datasets_only(deployed: Deployed) -> Iterator[str]:
    for each in deployed.of(ASSIGNMENT):
        condition = each["properties"].get("condition", "")
        if principal_of(deployed, each) == "uploaders":
            ends = " OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path]"
            if f"{ends} StringLike 'datasets/*'))" not in condition:
                yield f"an uploader has the condition {condition!r}"
            if each["properties"].get("conditionVersion") != "2.0":
                yield "a condition has no version 2.0"
        elif condition:
            yield f"{deployed.plain(each['id'])} has a condition"


CLAIMS = [
    assignments_are_those_of_the_table,
    nobody_gets_a_role_twice,
    an_identity_is_named_as_one,
    uploaders_write_datasets_only,
]
