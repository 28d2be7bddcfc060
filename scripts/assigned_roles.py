"""The role assignments that the templates deploy, as their committed snapshots have them, in words.

bicep/roles.json adds to each the reason and the calls that need it.
"""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from scripts.bicep_compiler import ROOT
from scripts.bicep_deployed import Deployed, Resource, committed

TABLE = ROOT / "bicep" / "roles.json"
BUILT_IN = ROOT / "packages" / "localcloud" / "src" / "localcloud" / "access" / "built_in_roles.jsonl"
"""Azure's own roles, one a line."""
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
WORKSPACE = "known-when-deployed"
"""Stands for the workspace's id, by which Azure ML names the container of its datastore."""
_GIVEN = re.compile(r"\[extensionResourceId\('(?P<scope>[^']+)', ")
_CONTAINER = re.compile(
    r"\[if\(equals\(resourceId\('(?P<subscription>[^']+)', '(?P<group>[^']+)', '(?P<type>[^']+)', "
    r"'(?P<account>[^']+)', '(?P<service>[^']+)', format\('(?P<name>[^']+)', reference\('[^']+', '[^']+'\)"
    r"\.workspaceId\)\), '/'\)"
)
SWITCHES = {
    "narrow": ("roleSet=Proven", "roleSet=Narrow"),
    "image-build": ("imageBuildCompute!=computeName", "imageBuildCompute=computeName"),
    "key-vault": ("batchAuthentication=ManagedIdentity", "batchAuthentication=KeyVault"),
}
"""By case, the value of the parameter that it sets: as in the case "defaults", and as in this one."""
PEOPLE = "uploaders"
"""The case, and the identity, of those who may upload; the list of their ids is no condition in words."""


@dataclass(frozen=True)
class Assigned:
    """An assignment in words. when: the value of a parameter that it needs, or ""."""

    name: str
    identity: str
    role: str
    scope: str
    when: str = ""


@functools.cache
def assignments() -> dict[str, Assigned]:
    """All assignments that some case deploys, by name.

    Raises ValueError if two that are not alike have one name, or one has none.
    """
    found: dict[str, Assigned] = {}
    cases = {each.case: set(assigned(each)) for each in committed()}
    usual = cases["defaults"]
    for case in ("defaults", *SWITCHES, PEOPLE):
        for each in cases[case]:
            name = each.name
            if not name or replace(found.get(name, each), when="") != each:
                raise ValueError(f"the case {case} has an assignment with the name {name!r} that is another")
            found.setdefault(name, replace(each, when=SWITCHES.get(case, ("", ""))[each not in usual]))
    for case, (value, _) in SWITCHES.items():
        for each in usual - cases[case]:
            found[each.name] = replace(each, when=value)
    return found


def assigned(deployed: Deployed) -> Iterator[Assigned]:
    """The assignments of one case. `when` is empty."""
    for each in deployed.of(ASSIGNMENT):
        yield Assigned(
            name_of(each), principal_of(deployed, each), role_of(deployed, each), scope_of(deployed, each)
        )


def rows() -> list[dict[str, Any]]:
    """The rows of bicep/roles.json, each with the fields of its Assigned.

    Raises KeyError for a row that no case deploys.
    """
    table = json.loads(TABLE.read_text(encoding="utf-8"))["assignments"]
    return [asdict(assignments()[row["name"]]) | row for row in table]


def scope(assignment: Resource) -> str:
    """The id of the resource that an assignment is on, for a workspace with the id WORKSPACE.

    Raises ValueError for an id that it does not know.
    """
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


def place(deployed: Deployed, assignment: Resource) -> str:
    """The path of a scope in its group; {token} and {container} stand for what an environment has."""
    _, _, path = scope(assignment).partition("/providers/")
    return path.replace(deployed.token, "{token}").replace(f"azureml-blobstore-{WORKSPACE}", "{container}")


@functools.cache
def places() -> dict[str, str]:
    """The place of each assignment that some case deploys, by name."""
    return {name_of(each): place(case, each) for case in committed() for each in case.of(ASSIGNMENT)}


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
    """The name of the role, or its id if it has none."""
    given = str(assignment["properties"]["roleDefinitionId"]).rpartition("/")[2]
    own = {each["name"]: own_name(each) for each in deployed.of(DEFINITION)}
    return built_in_names().get(given) or own.get(given) or given


def own_name(definition: Resource) -> str:
    """The name of a role of the templates, without that of the resource that it is for."""
    return str(definition["properties"]["roleName"]).partition(" (")[0]


@functools.cache
def built_in_names() -> dict[str, str]:
    """The names of Azure's own roles, by id."""
    roles = (json.loads(line) for line in BUILT_IN.read_text(encoding="utf-8").splitlines())
    return {role["id"]: role["roleName"] for role in roles}


def name_of(assignment: Resource) -> str:
    """The symbolic name of an assignment in its template, with which its description begins."""
    return str(assignment["properties"].get("description", "")).partition(" ")[0]


def principal_of(deployed: Deployed, assignment: Resource) -> str:
    """The identity's name, or the object id of a person or program."""
    given = assignment["properties"]["principalId"]
    known = re.search(r"userAssignedIdentities/id-(\w+)-[^']*', '[^']*'\)\.principalId\]$", given)
    if given in (deployed.given.get("publisherPrincipalId", "").lower(), "[toLower(deployer().objectId)]"):
        return "whoever deploys"
    return known[1] if known else "uploaders"
