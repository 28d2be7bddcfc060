"""Azure would allow each call of bicep/roles.json by what the templates deploy, and refuse it without.

The assignments, conditions and custom roles are those of the committed snapshots; Azure's roles and the way
that Azure decides are localcloud's (localcloud/access).
"""

import pytest
from localcloud.access.calls import Call
from localcloud.access.conditions.attributes import BLOB_PATH, BLOB_PREFIX, Attribute, Value
from localcloud.access.decisions import Allowed, Refused

from scripts.assigned_roles import ASSIGNMENT, principal_of, role_of, scope
from tests.bicep.deployed import Deployed, committed
from tests.bicep.granted import access, assigned, calls

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


@pytest.mark.parametrize("case", ["uploaders", "everything"])
@pytest.mark.parametrize(
    ("operation", "attributes", "expected"),
    [
        ("blobs/write", {BLOB_PATH: "datasets/x.csv"}, True),
        ("blobs/add/action", {BLOB_PATH: "datasets/x.csv"}, True),
        ("blobs/write", {BLOB_PATH: "datasets/folder/x.csv"}, True),
        ("blobs/write", {BLOB_PATH: "code/main.py"}, False),
        ("blobs/add/action", {BLOB_PATH: "code/main.py"}, False),
        ("blobs/write", {BLOB_PATH: "runs/x/datasets/y.csv"}, False),
        ("blobs/write", {BLOB_PATH: "Datasets/x.csv"}, False),
        ("blobs/write", {BLOB_PATH: "datasets"}, False),
        ("blobs/write", {}, False),
        ("blobs/read", {BLOB_PATH: "code/main.py"}, True),
        ("blobs/read", {BLOB_PREFIX: ""}, True),
        ("blobs/delete", {BLOB_PATH: "datasets/x.csv"}, False),
        ("blobs/deleteBlobVersion/action", {BLOB_PATH: "datasets/x.csv"}, False),
        ("blobs/tags/write", {BLOB_PATH: "datasets/x.csv"}, False),
        ("blobs/move/action", {BLOB_PATH: "datasets/x.csv"}, False),
    ],
)
def test_uploaders_write_below_datasets_and_nothing_else(
    case: str, operation: str, attributes: dict[Attribute, Value], expected: bool
) -> None:
    (deployed,) = [each for each in CASES if each.case == case]
    people = [each for each in deployed.of(ASSIGNMENT) if principal_of(deployed, each) == "uploaders"]
    all_of_it = access(deployed, deployed.of(ASSIGNMENT))
    assert people
    for each in people:
        person, container = each["properties"]["principalId"], scope(each)
        call = Call(person, f"{CONTAINERS}/{operation}", container, is_data=True, attributes=attributes)
        assert isinstance(all_of_it.decide(call), Allowed) is expected
        elsewhere = Call(
            person, f"{CONTAINERS}/{operation}", f"{container}-2", is_data=True, attributes=attributes
        )
        assert isinstance(all_of_it.decide(elsewhere), Refused)
        for own in ("read", "write", "delete"):
            assert isinstance(all_of_it.decide(Call(person, f"{CONTAINERS}/{own}", container)), Refused)
