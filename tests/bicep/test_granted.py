"""Azure would allow each call of bicep/roles.json by what the templates deploy, and refuse it without.

The assignments, conditions and custom roles are those of the committed snapshots; Azure's roles and the way
that Azure decides are localcloud's (localcloud/access).
"""

from collections.abc import Iterable

import pytest
from localcloud.access.calls import Call
from localcloud.access.conditions.attributes import BLOB_PATH, BLOB_PREFIX, Attribute, Value
from localcloud.access.decisions import Allowed, Refused

from scripts.assigned_roles import ASSIGNMENT, principal_of, role_of, scope
from tests.bicep.deployed import Deployed, committed
from tests.bicep.granted import CONTAINER, access, assigned, calls, on_blob

CASES = [each for each in committed() if each.is_main]
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
SERVICES = "Microsoft.Storage/storageAccounts"
COMPUTES = "Microsoft.MachineLearningServices/workspaces/computes"
DOUBLED = {
    ("workspaceManagesStorage", "Storage Blob Data Contributor", f"{CONTAINERS}/write"),
    *(
        ("workspaceKeepsTasksInTables", "Contributor", f"{SERVICES}/tableServices/tables/{name}")
        for name in ("read", "write", "delete")
    ),
    *(
        ("workspaceHandsOutTasksInQueues", "Contributor", f"{SERVICES}/queueServices/queues/{name}")
        for name in ("read", "write", "delete")
    ),
    ("workspaceManagesVault", "Key Vault Administrator", "Microsoft.KeyVault/vaults/read"),
    ("appMakesClusters", "AzureML Data Scientist", f"{COMPUTES}/read"),
}
"""Operations that a second role of the same identity also grants: row of the table, other role, operation."""

ASKED_FOR = {"workspaceManagesVault"}
"""Assignments that Azure ML's documents ask for, though no listed call needs them beside the other roles."""

each_case = pytest.mark.parametrize("deployed", CASES, ids=lambda each: each.case)


@each_case
def test_each_call_of_the_table_is_allowed_by_what_is_deployed(deployed: Deployed) -> None:
    all_of_it = access(deployed, deployed.of(ASSIGNMENT))
    decided = [
        all_of_it.decide(call) for row, assignment in assigned(deployed) for call in calls(row, assignment)
    ]
    assert [each.message for each in decided if isinstance(each, Refused)] == []
    assert len(decided) >= 80


@each_case
def test_without_its_assignment_each_call_is_refused(deployed: Deployed) -> None:
    still_allowed, not_needed = set(), set()
    for row, assignment in assigned(deployed):
        others = [each for each in deployed.of(ASSIGNMENT) if each is not assignment]
        roles = {each["id"]: role_of(deployed, each) for each in others}
        rest = access(deployed, others)
        decided = [rest.decide(call) for call in calls(row, assignment)]
        if not any(isinstance(each, Refused) for each in decided):
            not_needed.add(row["name"])
        still_allowed |= {
            (row["name"], roles[each.assignment.id], each.call.operation)
            for each in decided
            if isinstance(each, Allowed)
        }
    assert still_allowed == DOUBLED
    assert not_needed == ASKED_FOR


def test_a_refusal_says_who_may_not_do_what_and_where() -> None:
    (deployed,) = [each for each in CASES if each.case == "defaults"]
    ((row, assignment),) = [
        each for each in assigned(deployed) if each[0]["name"] == "scoringKeepsTasksInTables"
    ]
    rest = access(deployed, [each for each in deployed.of(ASSIGNMENT) if each is not assignment])
    (decided, *_) = [rest.decide(call) for call in calls(row, assignment)]
    assert isinstance(decided, Refused)
    assert f"object id '{assignment['properties']['principalId']}' does not have" in decided.message
    assert (
        "to perform action 'Microsoft.Storage/storageAccounts/tableServices/tables/read'" in decided.message
    )
    assert f"over scope '{scope(assignment)}'" in decided.message


DELETES = (f"{CONTAINERS}/delete", f"{SERVICES}/delete", f"{SERVICES}/listkeys/action")
"""What takes containers away, or gives a key with which anyone can."""
REOPENS = (
    f"{CONTAINERS}/setAcl/action",
    f"{CONTAINERS}/immutabilityPolicies/write",
    f"{CONTAINERS}/clearLegalHold/action",
    f"{SERVICES}/write",
    f"{SERVICES}/blobServices/write",
)
"""What changes who may use a container, or whether it can be restored."""
DELETE_CONTAINERS = {
    "workspaceManagesStorage": "Azure ML requires Contributor of the account",
    "workspaceReadsAndWritesBlobs": "Azure ML requires this built-in role, beside Contributor",
    "hostKeepsCodeKeysAndState": "the Functions host makes its containers, and requires this built-in role",
    "eventsKeepDeadLetters": "Event Grid requires this built-in role; it is on this container alone",
}
"""The assignments that allow to delete a container, each with why."""
MAKE_CONTAINERS = DELETE_CONTAINERS | {
    "trainingOwnsDataAccount": "Data Factory makes adfjobs",
    "trainingUsesDataAccount": "Data Factory makes adfjobs",
    "scoringUsesBlobs": "Azure ML makes containers as the cluster",
}
"""The assignments that allow to make a container and to change its metadata, each with why."""


def who_may(deployed: Deployed, operations: Iterable[str]) -> set[str]:
    """The assignments that by themselves allow one of some operations on a storage account or a container."""
    known = [each["id"] for kind in (SERVICES, CONTAINERS) for each in deployed.of(kind)]
    places = {each for each in known if each.startswith("/")}
    places |= {scope(each) for each in deployed.of(ASSIGNMENT) if scope(each).endswith(CONTAINER)}
    assert len(places) == 7
    found = set()
    for row, assignment in assigned(deployed):
        alone, principal = access(deployed, [assignment]), assignment["properties"]["principalId"]
        asked = [Call(principal, each, place) for each in operations for place in places]
        if any(isinstance(alone.decide(each), Allowed) for each in asked):
            found.add(row["name"])
    return found


@each_case
def test_no_identity_deletes_or_changes_a_container_but_those_that_azures_services_need(
    deployed: Deployed,
) -> None:
    """By itself or by a key. No condition binds these operations, which are no data actions."""
    there = {row["name"] for row, _ in assigned(deployed)}
    assert who_may(deployed, DELETES) == there & {*DELETE_CONTAINERS}
    assert who_may(deployed, [f"{CONTAINERS}/write"]) == there & {*MAKE_CONTAINERS}
    assert who_may(deployed, REOPENS) == {"workspaceManagesStorage", "hostKeepsCodeKeysAndState"}
    assert there >= {*DELETE_CONTAINERS}


NAMES = (
    "app/runs/r/run.json",
    "app/endpoints/e",
    "index/runs/1-r",
    "locks/e",
    "code/h/main.py",
    "code/pool/h/requirements.txt",
    "datasets/sales-a.csv",
    "datasets/iris.csv",
    "runs/r/0/m/artifacts/model/MLmodel",
    "runs/r/report.html",
    "runs/r/smoke/predictions.csv",
    "runs/r/0/m/artifacts/model/smoke/predictions.csv",
    "runs/touchdown-check-1/0/m/artifacts/model/MLmodel",
    "scoring/s/predictions.csv",
    "azureml/job/output",
    "elsewhere",
)
"""Names of blobs in the container of datasets, code and runs."""
OTHERS = ("adfjobs/j/x", "azureml/ExperimentRun/x", "azureml/code/x", "snapshots/code/x")
"""Blobs in other containers, each with its container."""
RUNS = {each for each in NAMES if each.startswith("runs/")}
SMOKE = {"runs/r/smoke/predictions.csv"}
DEEPER = {"runs/r/0/m/artifacts/model/smoke/predictions.csv"}
BARRED = {each for each in NAMES if each.split("/")[0] in ("app", "index", "locks", "code", "datasets")}
OF_APP = {"app/runs/r/run.json", "app/endpoints/e", "index/runs/1-r", "locks/e"}
OF_MACHINE_LEARNING = {*NAMES} - BARRED - RUNS | SMOKE | {*OTHERS}
CHANGED = {
    ("defaults", "appReadsAndWritesRuns"): OF_APP | SMOKE,
    ("defaults", "trainingOwnsDataAccount"): {*NAMES, "adfjobs/j/x", "azureml/ExperimentRun/x"}
    - (BARRED | SMOKE | DEEPER),
    ("narrow", "trainingUsesDataAccount"): RUNS - SMOKE - DEEPER | {"adfjobs/j/x"},
    ("defaults", "scoringUsesBlobs"): OF_MACHINE_LEARNING,
    ("narrow", "scoringReadsAndWritesData"): SMOKE | {"scoring/s/predictions.csv", "azureml/job/output"},
    ("defaults", "workspaceReadsAndWritesBlobs"): OF_MACHINE_LEARNING,
    ("defaults", "publisherPublishesTrainer"): {
        *(each for each in NAMES if each.startswith(("code/", "datasets/", "scoring/"))),
        "runs/touchdown-check-1/0/m/artifacts/model/MLmodel",
    },
    ("everything", "uploadersUpload"): {"datasets/sales-a.csv", "datasets/iris.csv"},
}
"""By case and assignment, the blobs that it allows to change."""
ABSENT = {
    "Touchdown blob writer": ("add/action", "move/action"),
    "Touchdown uploader": ("delete", "move/action"),
}
"""By role, the operations that it lacks. Whoever may write a blob needs no add."""


@pytest.mark.parametrize("operation", ["write", "add/action", "delete", "move/action"])
@pytest.mark.parametrize(("case", "name"), CHANGED)
def test_each_actor_changes_blobs_in_its_own_places_alone(case: str, name: str, operation: str) -> None:
    (deployed,) = [each for each in CASES if each.case == case]
    ((row, assignment),) = [each for each in assigned(deployed) if each[0]["name"] == name]
    alone = access(deployed, [assignment])
    principal = assignment["properties"]["principalId"]
    expected = set() if operation in ABSENT.get(row["role"], ()) else CHANGED[case, name]
    allowed = set()
    for each in (*NAMES, *OTHERS):
        path = each if each in OTHERS else f"{CONTAINER}/{each}"
        account = scope(assignment).partition("/blobServices/")[0]
        there = f"{account}/blobServices/default/containers/{path.partition('/')[0]}"
        call = Call(
            principal, f"{CONTAINERS}/blobs/{operation}", there, is_data=True, attributes=on_blob(path)
        )
        if isinstance(alone.decide(call), Allowed):
            allowed.add(each)
    assert allowed == expected
    assert row["identity"] != "uploaders" or deployed.case == "everything"


A, B = "aaaaaaaa-0000-0000-0000-000000000002", "aaaaaaaa-0000-0000-0000-000000000003"
"""Of the case "uploaders": A has sales- and sales_, and B has iris*?_, in which nothing is a wildcard."""


@pytest.mark.parametrize(
    ("operation", "attributes", "may"),
    [
        ("write", {BLOB_PATH: "datasets/sales-1.csv"}, A),
        ("write", {BLOB_PATH: "datasets/sales_1.csv"}, A),
        ("add/action", {BLOB_PATH: "datasets/sales-1.csv"}, A),
        ("read", {BLOB_PATH: "datasets/sales-1.csv"}, A),
        ("write", {BLOB_PATH: "datasets/iris*?_1.csv"}, B),
        ("read", {BLOB_PATH: "datasets/iris*?_1.csv"}, B),
        ("write", {BLOB_PATH: "datasets/sales-folder/x.csv"}, A),
        ("write", {BLOB_PATH: "datasets/iris-and_1.csv"}, ""),
        ("write", {BLOB_PATH: "datasets/sales.csv"}, ""),
        ("write", {BLOB_PATH: "datasets/Sales-1.csv"}, ""),
        ("write", {BLOB_PATH: "Datasets/sales-1.csv"}, ""),
        ("write", {BLOB_PATH: "/datasets/sales-1.csv"}, ""),
        ("write", {BLOB_PATH: "datasets"}, ""),
        ("write", {BLOB_PATH: "datasets/"}, ""),
        ("write", {BLOB_PATH: "code/main.py"}, ""),
        ("add/action", {BLOB_PATH: "code/main.py"}, ""),
        ("write", {BLOB_PATH: "runs/x/datasets/sales-1.csv"}, ""),
        ("write", {}, ""),
        ("read", {BLOB_PATH: "code/main.py"}, ""),
        ("read", {BLOB_PATH: "app/runs/r/run.json"}, ""),
        ("read", {}, ""),
        ("delete", {BLOB_PATH: "datasets/sales-1.csv"}, ""),
        ("deleteBlobVersion/action", {BLOB_PATH: "datasets/sales-1.csv"}, ""),
        ("tags/write", {BLOB_PATH: "datasets/sales-1.csv"}, ""),
        ("tags/read", {BLOB_PATH: "datasets/sales-1.csv"}, ""),
        ("filter/action", {}, ""),
        ("move/action", {BLOB_PATH: "datasets/sales-1.csv"}, ""),
        ("list", {BLOB_PREFIX: "datasets/sales-"}, A),
        ("list", {BLOB_PREFIX: "datasets/sales_2026"}, A),
        ("list", {BLOB_PREFIX: "datasets/iris*?_"}, B),
        ("list", {BLOB_PREFIX: "datasets/sales"}, ""),
        ("list", {BLOB_PREFIX: "datasets/"}, ""),
        ("list", {BLOB_PREFIX: ""}, ""),
        ("list", {}, ""),
        ("list", {BLOB_PREFIX: "", BLOB_PATH: "datasets/sales-1.csv"}, ""),
    ],
)
def test_an_uploader_reads_lists_and_writes_what_begins_with_its_prefix(
    operation: str, attributes: dict[Attribute, Value], may: str
) -> None:
    (deployed,) = [each for each in CASES if each.case == "uploaders"]
    people = [each for each in deployed.of(ASSIGNMENT) if principal_of(deployed, each) == "uploaders"]
    all_of_it = access(deployed, deployed.of(ASSIGNMENT))
    assert {each["properties"]["principalId"] for each in people} == {A, B}
    container = scope(people[0])
    kind = "Blob.List" if operation == "list" else ""
    name = f"{CONTAINERS}/blobs/{'read' if kind else operation}"
    for person in (A, B):
        call = Call(person, name, container, is_data=True, suboperation=kind, attributes=attributes)
        assert isinstance(all_of_it.decide(call), Allowed) is (person == may)
        elsewhere = Call(
            person, name, f"{container}-2", is_data=True, suboperation=kind, attributes=attributes
        )
        assert isinstance(all_of_it.decide(elsewhere), Refused)
        for own in ("read", "write", "delete"):
            assert isinstance(all_of_it.decide(Call(person, f"{CONTAINERS}/{own}", container)), Refused)


@pytest.mark.parametrize(
    ("operation", "attributes", "allowed"),
    [
        ("list", {BLOB_PREFIX: "datasets/"}, True),
        ("list", {BLOB_PREFIX: "datasets/a"}, True),
        ("list", {BLOB_PREFIX: "datasets"}, False),
        ("list", {BLOB_PREFIX: ""}, False),
        ("read", {BLOB_PATH: "datasets/a.csv"}, True),
        ("read", {BLOB_PATH: "app/runs/r/run.json"}, False),
        ("read", {BLOB_PATH: "runs/r/report.html"}, False),
        ("write", {BLOB_PATH: "datasets/a.csv"}, True),
        ("write", {BLOB_PATH: "datasets-old/a.csv"}, False),
    ],
)
def test_an_empty_prefix_is_for_all_of_datasets_and_nothing_beside_it(
    operation: str, attributes: dict[Attribute, Value], allowed: bool
) -> None:
    (deployed,) = [each for each in CASES if each.case == "everything"]
    (person,) = [each for each in deployed.of(ASSIGNMENT) if principal_of(deployed, each) == "uploaders"]
    kind = "Blob.List" if operation == "list" else ""
    name = f"{CONTAINERS}/blobs/{'read' if kind else operation}"
    principal = person["properties"]["principalId"]
    call = Call(principal, name, scope(person), is_data=True, suboperation=kind, attributes=attributes)
    assert isinstance(access(deployed, [person]).decide(call), Allowed) is allowed
