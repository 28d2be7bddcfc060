"""The role table, the templates and the code agree: every call has a role, and every role has a call."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobServiceClient, ContainerClient
from localcloud.access.built_in import built_in_named
from localcloud.access.calls import Call
from localcloud.access.definitions import RoleDefinition

from scripts.assigned_roles import DEFINITION, name_of, own_name, rows
from scripts.bicep_deployed import committed
from tests.unit.bicep.source import BICEP, ROOT, Declared, properties, source, sources, text

ASSIGNMENTS = rows()
"""The table: roles.json with what the committed snapshots say of each assignment."""
CUSTOM = {
    own_name(each): dict(*each["properties"]["permissions"])
    for deployed in committed()
    for each in deployed.of(DEFINITION)
}
"""The operations of the roles that the templates define."""
BUILT_IN = {
    role.name: role
    for name in {each["role"] for each in ASSIGNMENTS} - set(CUSTOM)
    if (role := built_in_named(name))
}
"""What Azure's own roles really grant, for each that the table assigns."""
ROLES = BUILT_IN | {name: RoleDefinition.of("", name, [permission]) for name, permission in CUSTOM.items()}
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
BLOBS = f"{CONTAINERS}/blobs"
DELEGATES = "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"
KEYS = {"by", "call", "actions", "dataActions", "blob", "prefix"}
CONDITIONS = {
    "": None,
    "roleSet=Proven": "proven",
    "roleSet=Narrow": "!proven",
    "imageBuildCompute!=computeName": "!buildsImages",
    "imageBuildCompute=computeName": "buildsImages",
    "batchAuthentication=KeyVault": None,
}
"""The condition of an assignment by its "when" in the table; that of KeyVault stands at the module."""

each_assignment = pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda each: each["name"])


def assigned() -> dict[str, tuple[Path, Declared]]:
    return {
        each.name: (file.path, each)
        for file in sources()
        for each in file.of("resource")
        if each.given.startswith("Microsoft.Authorization/roleAssignments@")
    }


def test_the_table_holds_calls_and_reasons_and_nothing_that_the_templates_say() -> None:
    """Role, scope and principal of an assignment come from the snapshots alone."""
    table = json.loads((BICEP / "roles.json").read_text())
    assert {*table} == {"assignments"}
    assert {tuple(row) for row in table["assignments"]} == {("name", "why", "calls")}
    calls = [call for row in table["assignments"] for call in row["calls"]]
    assert [call for call in calls if not {"by", "call"} < {*call} <= KEYS] == []


def test_the_table_has_the_assignments_of_the_templates_and_no_others() -> None:
    assert sorted(each["name"] for each in ASSIGNMENTS) == sorted(assigned())


@each_assignment
def test_an_assignment_is_what_the_table_says(assignment: dict[str, Any]) -> None:
    path, declared = assigned()[assignment["name"]]
    assert path.parent == BICEP / "modules"
    given = properties(declared.properties()["properties"])
    assert text(given["description"]) == f"'{assignment['name']} (docs/roles.md)'"
    variables = {"app", "training", "scoring", "workspace", "events"}
    identity = assignment["identity"]
    principal = {"whoever deploys": "publisherPrincipalId", "uploaders": "principalId"}.get(
        identity, f"{identity}PrincipalId"
    )
    assert identity in variables | {"whoever deploys", "uploaders"}
    assert text(given["principalId"]) == principal
    role = text(given["roleDefinitionId"])
    titled = re.search(r"roles\.(\w+)\)", role)
    found = titled[1] if titled else role.removesuffix(".id")
    assert found.lower() == re.sub(r"[^a-z]", "", assignment["role"].lower().removeprefix("touchdown "))


@each_assignment
def test_the_comment_above_an_assignment_is_its_reason_in_the_table(assignment: dict[str, Any]) -> None:
    _, declared = assigned()[assignment["name"]]
    above = declared.node.prev_named_sibling
    assert above is not None
    assert above.type == "comment"
    last = text(above).removeprefix("// ")
    assert declared.node.start_point.row - above.start_point.row == 1
    assert assignment["why"].endswith(last)


@each_assignment
def test_an_assignment_has_the_condition_that_the_table_names(assignment: dict[str, Any]) -> None:
    path, declared = assigned()[assignment["name"]]
    condition = re.search(r"' = if \((.*)\) \{\n", text(declared.node))
    assert (condition[1] if condition else None) == CONDITIONS[assignment["when"]]
    assert (path.name == "keys.bicep") == (assignment["when"] == "batchAuthentication=KeyVault")


def test_the_switches_of_the_modules_are_those_of_main() -> None:
    main = source(BICEP / "main.bicep").content
    assert "param roleSet string = 'Proven'" in main
    assert main.count("proven: roleSet == 'Proven'") == 3


@pytest.mark.parametrize("identity", ["training", "scoring"])
def test_a_narrow_role_serves_the_calls_of_the_proven_one_that_it_replaces(identity: str) -> None:
    calls: dict[str, set[tuple[str, str]]] = {"Proven": set(), "Narrow": set()}
    for each in ASSIGNMENTS:
        name, _, value = each["when"].partition("=")
        if name == "roleSet" and each["identity"] == identity:
            calls[value] |= {(call["by"], call["call"]) for call in each["calls"]}
    assert calls["Narrow"]
    more = {("scoring job", "containers that Azure ML makes")} if identity == "scoring" else set()
    assert calls["Proven"] - calls["Narrow"] == more
    assert calls["Narrow"] <= calls["Proven"]


def test_the_ids_of_built_in_roles_are_those_of_azure() -> None:
    (declared,) = [each for each in source(BICEP / "names.bicep").of("variable") if each.name == "roles"]
    ids = properties(declared.node.named_children[-1])
    wanted = {re.sub(r"[^a-z]", "", name.lower()): role.id for name, role in BUILT_IN.items()}
    assert {name.lower(): text(value).strip("'") for name, value in ids.items()} == wanted


@each_assignment
def test_a_role_grants_something_that_each_of_its_calls_needs(assignment: dict[str, Any]) -> None:
    assert assignment["calls"]
    for call in assignment["calls"]:
        needed = [
            Call("", name, "/", is_data=kind == "dataActions")
            for kind in ("actions", "dataActions")
            for name in call.get(kind, [])
        ]
        assert needed, call
        assert all(ROLES[assignment["role"]].allows(each) for each in needed), call


def test_every_role_of_the_table_is_assigned() -> None:
    assert set(ROLES) == {each["role"] for each in ASSIGNMENTS}


def defined() -> dict[str, dict[str, list[str]]]:
    """The operations of the custom roles of the templates, by role name without the name of the resource."""
    found = {}
    for each in source(BICEP / "modules" / "role-definitions.bicep").of("resource"):
        if each.given.startswith("Microsoft.Authorization/roleDefinitions@"):
            given = properties(each.properties()["properties"])
            (permissions,) = [node for node in given["permissions"].named_children if node.type == "object"]
            found[text(given["roleName"]).strip("'").partition(" (")[0]] = {
                kind: [
                    given.strip("'").replace("${containerType}", CONTAINERS).replace("delegates", DELEGATES)
                    for given in (text(each) for each in node.named_children)
                ]
                for kind, node in properties(permissions).items()
            }
    return found


def test_the_custom_roles_have_the_operations_of_the_table() -> None:
    assert defined() == CUSTOM


def test_a_custom_role_has_every_property_that_azure_requires() -> None:
    """actions is one, even if it is empty.

    Source: "Custom role properties", learn.microsoft.com/azure/role-based-access-control/custom-roles.
    """
    assert defined()
    assert [name for name, operations in defined().items() if "actions" not in operations] == []


def test_only_these_identities_get_a_broad_role() -> None:
    broad = {
        (each["role"], each["identity"], each["scope"], each["when"])
        for each in ASSIGNMENTS
        for permission in ROLES[each["role"]].permissions
        if any("*" in name.split("/")[-1] for name in permission.data_actions) or "*" in permission.actions
    }
    workspace = (
        "data account",
        "key vault",
        "container registry",
        "Application Insights",
        "Azure ML workspace",
    )
    assert broad == {("Contributor", "workspace", scope, "") for scope in workspace} | {
        ("Key Vault Administrator", "workspace", "key vault", ""),
        ("Storage Blob Data Owner", "app", "storage account of the Functions host", ""),
        ("Touchdown blob owner", "training", "data account", "roleSet=Proven"),
        ("Azure Batch Account Contributor", "training", "Batch account", "roleSet=Proven"),
        ("Azure Batch Data Contributor", "training", "Batch account", "roleSet=Narrow"),
    }


def test_uploaders_have_no_right_on_the_container_itself_and_delete_nothing() -> None:
    (assignment,) = [each for each in ASSIGNMENTS if each["identity"] == "uploaders"]
    role = CUSTOM[assignment["role"]]
    assert set(role) == {"actions", "dataActions"}
    assert role["actions"] == []
    assert set(role["dataActions"]) == {f"{BLOBS}/{name}" for name in ("read", "write", "add/action")}


CHANGES = {
    "write",
    "add/action",
    "delete",
    "deleteBlobVersion/action",
    "permanentDelete/action",
    "move/action",
    "tags/write",
    "immutableStorage/runAsSuperUser/action",
    "manageOwnership/action",
    "modifyPermissions/action",
    "runAsSuperUser/action",
}
"""The operations of "Actions and attributes for Azure role assignment conditions" that change blobs."""


def test_the_conditions_bind_every_operation_that_changes_blobs() -> None:
    """One that a condition does not name is allowed everywhere.

    Source: "Actions and attributes for Azure role assignment conditions for Azure Blob Storage".
    """
    bound = [
        {*re.findall(rf"!\(ActionMatches\{{'{BLOBS}/([^']+)'\}}\)", each["properties"]["condition"])}
        for deployed in committed()
        for each in deployed.of("Microsoft.Authorization/roleAssignments")
        if "condition" in each["properties"] and name_of(each) != "uploadersUpload"
    ]
    assert len(bound) >= 35
    assert all(each == CHANGES for each in bound)


def test_whatever_an_uploader_may_do_is_bound_to_its_prefix() -> None:
    """Its role has three operations, of which reading is two: a list has a prefix in place of a blob."""
    conditions = [
        each["properties"]["condition"]
        for deployed in committed()
        for each in deployed.of("Microsoft.Authorization/roleAssignments")
        if name_of(each) == "uploadersUpload"
    ]
    assert len(conditions) >= 3
    for each in conditions:
        bound = {*re.findall(rf"!\(ActionMatches\{{'{BLOBS}/([^']+)'\}}", each)}
        assert {f"{BLOBS}/{name}" for name in bound} == {*CUSTOM["Touchdown uploader"]["dataActions"]}
        assert each.count("StringStartsWith 'datasets/") == each.count("@")


# --- The calls in the code ------------------------------------------------------------------------------

STORAGE = {
    name
    for client in (BlobClient, ContainerClient, BlobServiceClient, BlobLeaseClient)
    for name in vars(client)
    if not name.startswith(("_", "from_"))
    and not name.endswith("_client")
    and callable(getattr(client, name))
} - {"close", "exists"}
"""Methods of the storage clients. In this code, exists is always the method of a Path."""
GROUPS = {
    "pipelines",
    "pipeline_runs",
    "activity_runs",
    "models",
    "compute",
    "batch_endpoints",
    "batch_deployments",
    "jobs",
    "workspaces",
}
"""Operation groups of azure-mgmt-datafactory and azure-ai-ml."""
FILES = [
    each
    for folder in ("services", "activities", "triggers", "trainer")
    for each in (ROOT / folder).glob("*.py")
]


def may_hold_a_client(module: ast.Module) -> bool:
    """Whether a module imports an SDK, or a module through which it can get a client.

    Otherwise, any other object with a method called `release` would count as a lease.
    """
    imported = {each.module or "" for each in ast.walk(module) if isinstance(each, ast.ImportFrom)}
    imported |= {
        name.name for each in ast.walk(module) if isinstance(each, ast.Import) for name in each.names
    }
    return any(name.split(".")[0] in ("azure", "services", "storage") for name in imported)


def calls(file: Path) -> Iterator[str]:
    """The calls of SDK clients in a file, including the one that is passed on under another name."""
    module = ast.parse(file.read_text())
    for node in ast.walk(module) if may_hold_a_client(module) else ():
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            owner = node.value
            if isinstance(owner, ast.Attribute) and owner.attr in GROUPS:
                yield f"{owner.attr}.{node.attr}"
            elif node.attr in STORAGE | {"send", "send_request"}:
                yield node.attr


def test_the_table_lists_exactly_the_calls_of_sdks_that_the_code_makes() -> None:
    made = {(file.relative_to(ROOT).as_posix(), call) for file in FILES for call in calls(file)}
    listed = {
        (call["by"], call["call"])
        for each in ASSIGNMENTS
        for call in each["calls"]
        if call["by"].endswith(".py")
    }
    assert made - listed == set()
    assert listed - made == set()


def test_the_table_lists_callers_outside_of_the_code_too() -> None:
    others = {call["by"] for each in ASSIGNMENTS for call in each["calls"] if not call["by"].endswith(".py")}
    assert others >= {
        "Functions host",
        "Data Factory",
        "Batch account",
        "Batch node",
        "pool start task",
        "scoring job",
    }


def test_the_document_is_generated_from_the_table() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "scripts.document_roles", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
