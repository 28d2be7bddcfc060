"""Who may do what: roles, scopes and conditions together."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from localcloud.access.assignments import Assignment
from localcloud.access.built_in import DATA, built_in, built_in_named, built_in_roles
from localcloud.access.calls import Call
from localcloud.access.conditions.attributes import BLOB_PATH
from localcloud.access.conditions.errors import InvalidConditionError, UnsupportedConditionError
from localcloud.access.decisions import Access, Allowed, Refused, UnknownRoleError
from localcloud.access.definitions import RoleDefinition

from localcloud_tests.unit.access.hook import HOOK

SUBSCRIPTION = "/subscriptions/22222222-2222-2222-2222-222222222222"
GROUP = f"{SUBSCRIPTION}/resourceGroups/pharma-sales"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/data"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/runs"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/w"
ALICE, BOB = "aaaaaaaa-0000-0000-0000-00000000000a", "bbbbbbbb-0000-0000-0000-00000000000b"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
COMPUTES = "Microsoft.MachineLearningServices/workspaces/computes"
CUSTOM = "cccccccc-0000-0000-0000-00000000000c"


def assigned(role: str, scope: str, principal: str = ALICE, name: str = "1", **more: str) -> Assignment:
    """An assignment of a role by its name or, for a custom one, its id."""
    found = built_in_named(role)
    id_ = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{found.id if found else role}"
    body = {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "properties": {"principalId": principal, "roleDefinitionId": id_, **more},
    }
    return Assignment.from_arm(body)


def custom(*permissions: dict[str, Any]) -> RoleDefinition:
    return RoleDefinition.from_arm(
        {
            "id": f"{GROUP}/providers/Microsoft.Authorization/roleDefinitions/{CUSTOM.upper()}",
            "name": CUSTOM.upper(),
            "properties": {"roleName": "Mine", "permissions": permissions, "assignableScopes": [GROUP]},
        }
    )


def may(access: Access, operation: str, scope: str, principal: str = ALICE, *, data: bool = False) -> bool:
    """Whether a call may be made, on which storage's hook must agree."""
    return decided(access, Call(principal, operation, scope, is_data=data)) is not None


def decided(access: Access, call: Call, *, by_hook: bool = True) -> Assignment | None:
    """The assignment that allows a call."""
    decision = access.decide(call)
    if by_hook:
        assert HOOK.allows(access, call) is isinstance(decision, Allowed)
    return decision.assignment if isinstance(decision, Allowed) else None


# --- Azure's built-in roles -----------------------------------------------------------------------------


def test_all_built_in_roles_can_be_read_and_are_found_by_id_and_by_name() -> None:
    roles = list(built_in_roles())
    assert len(roles) == 928
    assert [each.id for each in roles] == sorted({each.id for each in roles})
    for each in roles[:: len(roles) // 20]:
        assert built_in(each.id.upper()) == built_in_named(each.name) == each
    assert sum(bool(permission.condition) for each in roles for permission in each.permissions) == 31


def test_what_is_no_built_in_role_is_not_found() -> None:
    assert built_in(CUSTOM) is None
    assert built_in("") is None
    assert built_in_named("contributor of nothing") is None


def test_the_list_of_built_in_roles_names_its_source_and_licence() -> None:
    beside = DATA.with_name("BUILT_IN_ROLES.md").read_text()
    assert "Source: " in beside
    assert "Licence: MIT" in beside


@pytest.mark.parametrize(
    ("role", "operation", "data", "expected"),
    [
        # "Understand Azure role definitions": Alice and Bob.
        ("Owner", "Microsoft.Storage/storageAccounts/blobServices/containers/write", False, True),
        ("Owner", f"{BLOBS}/read", True, False),
        (
            "Storage Blob Data Contributor",
            "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
            False,
            True,
        ),
        ("Storage Blob Data Contributor", f"{BLOBS}/write", True, True),
        ("Storage Blob Data Reader", f"{BLOBS}/read", True, True),
        ("Storage Blob Data Reader", f"{BLOBS}/write", True, False),
        ("Storage Blob Data Reader", f"{BLOBS}/read", False, False),
        ("Contributor", "Microsoft.Authorization/roleAssignments/write", False, False),
        ("Contributor", "Microsoft.Authorization/roleAssignments/read", False, True),
        ("Reader", "Microsoft.Storage/storageAccounts/listKeys/action", False, False),
        # "Manage access to Azure Machine Learning workspaces": all but computes and the workspace itself.
        ("AzureML Data Scientist", "Microsoft.MachineLearningServices/workspaces/read", False, True),
        ("AzureML Data Scientist", "Microsoft.MachineLearningServices/workspaces/jobs/write", False, True),
        ("AzureML Data Scientist", f"{COMPUTES}/read", False, True),
        ("AzureML Data Scientist", f"{COMPUTES}/write", False, False),
        ("AzureML Data Scientist", f"{COMPUTES}/delete", False, False),
        ("AzureML Data Scientist", "Microsoft.MachineLearningServices/workspaces/write", False, False),
        ("AzureML Data Scientist", "Microsoft.MachineLearningServices/workspaces/delete", False, False),
    ],
)
def test_a_built_in_role_allows_what_azures_documents_say(
    role: str, operation: str, data: bool, expected: bool
) -> None:
    access = Access([assigned(role, SUBSCRIPTION)])
    assert may(access, operation, f"{GROUP}/providers/any/thing/here", data=data) is expected


# --- Several assignments --------------------------------------------------------------------------------


def test_what_one_role_excludes_another_may_allow() -> None:
    scientist = assigned("AzureML Data Scientist", WORKSPACE, name="1")
    operator = assigned("AzureML Compute Operator", WORKSPACE, name="2")
    assert not may(Access([scientist]), f"{COMPUTES}/write", f"{WORKSPACE}/computes/c")
    for both in permutations([scientist, operator]):
        call = Call(ALICE, f"{COMPUTES}/write", f"{WORKSPACE}/computes/c")
        assert decided(Access(both), call) == operator


def test_a_contributor_of_a_subscription_loses_nothing_as_a_reader_of_a_group() -> None:
    access = Access([assigned("Reader", GROUP), assigned("Contributor", SUBSCRIPTION, name="2")])
    assert may(access, "Microsoft.Storage/storageAccounts/write", ACCOUNT)


def test_a_role_of_another_principal_allows_nothing() -> None:
    access = Access([assigned("Owner", GROUP)])
    assert may(access, "Microsoft.Storage/storageAccounts/read", ACCOUNT, ALICE.upper())
    assert not may(access, "Microsoft.Storage/storageAccounts/read", ACCOUNT, BOB)


def test_a_role_on_a_container_allows_nothing_on_another_container_or_the_account() -> None:
    access = Access([assigned("Storage Blob Data Reader", CONTAINER)])
    assert may(access, f"{BLOBS}/read", CONTAINER, data=True)
    assert may(access, f"{BLOBS}/read", f"{CONTAINER}/blobs/datasets/x.csv", data=True)
    assert not may(access, f"{BLOBS}/read", f"{CONTAINER}2", data=True)
    assert not may(access, f"{BLOBS}/read", ACCOUNT, data=True)


def test_an_assignment_says_its_scope_or_has_it_in_its_id() -> None:
    assert assigned("Reader", CONTAINER).scope == CONTAINER
    assert assigned("Reader", "").scope == "/"
    body = {
        "id": "only the deployment knows it",
        "properties": {"principalId": ALICE, "roleDefinitionId": CUSTOM, "scope": GROUP},
    }
    assert Assignment.from_arm(body).scope == GROUP
    root = Access([assigned("Reader", "")])
    assert may(root, "Microsoft.Storage/storageAccounts/read", ACCOUNT)


def test_a_role_on_a_management_group_counts_in_its_subscriptions() -> None:
    group = "/providers/Microsoft.Management/managementGroups/company"
    reader = assigned("Reader", group)
    known = Access([reader], parents={SUBSCRIPTION: group})
    # The hook is not told which groups there are: a localcloud has one subscription.
    assert decided(known, Call(ALICE, "Microsoft.Web/sites/read", GROUP), by_hook=False) == reader
    assert not may(Access([reader]), "Microsoft.Web/sites/read", GROUP)


# --- Custom roles and conditions ------------------------------------------------------------------------


def test_a_custom_role_is_found_by_its_id_in_any_letter_case_and_scope() -> None:
    role = custom({"actions": ["a/*"], "notActions": ["a/delete"]}, {"dataActions": ["a/delete"]})
    assert role.assignable_scopes == (GROUP,)
    access = Access([assigned(CUSTOM, GROUP)], [role])
    assert may(access, "a/read", ACCOUNT)
    assert not may(access, "a/delete", ACCOUNT)
    assert may(access, "a/delete", ACCOUNT, data=True)


def test_an_exclusion_subtracts_from_its_own_permission_only() -> None:
    role = custom({"actions": ["*"], "notActions": ["a/delete"]}, {"actions": ["a/*"]})
    assert may(Access([assigned(CUSTOM, GROUP)], [role]), "a/delete", ACCOUNT)


def test_a_permission_may_have_a_condition_of_its_own() -> None:
    role = custom(
        {"dataActions": ["a/*"], "condition": f"@Resource[{BLOBS}:path] StringLike 'x*'"},
        {"dataActions": ["b/*"]},
    )
    access = Access([assigned(CUSTOM, GROUP)], [role])
    assert not may(access, "a/read", ACCOUNT, data=True)
    assert may(access, "b/read", ACCOUNT, data=True)


def test_a_list_of_operations_may_be_null_or_absent() -> None:
    role = custom({"actions": None, "notActions": None, "dataActions": ["a/read"], "condition": None})
    access = Access([assigned(CUSTOM, GROUP)], [role])
    assert may(access, "a/read", ACCOUNT, data=True)
    assert not may(access, "a/read", ACCOUNT)


def test_an_assignment_of_a_role_that_nobody_defined_is_refused() -> None:
    with pytest.raises(UnknownRoleError, match=CUSTOM):
        Access([assigned(CUSTOM, GROUP)])


def test_a_condition_limits_its_own_assignment_only() -> None:
    condition = f"@Resource[{BLOBS}:path] StringLike 'datasets/*'"
    limited = assigned("Storage Blob Data Contributor", CONTAINER, condition=condition)
    reader = assigned("Storage Blob Data Reader", CONTAINER, name="2")
    access = Access([limited, reader])
    for operation, path, expected in (
        ("write", "datasets/x.csv", limited),
        ("write", "code/x.py", None),
        ("read", "code/x.py", reader),
    ):
        call = Call(ALICE, f"{BLOBS}/{operation}", CONTAINER, is_data=True, attributes={BLOB_PATH: path})
        assert decided(access, call) == expected


def test_a_condition_that_cannot_be_evaluated_is_refused_with_its_assignment() -> None:
    with pytest.raises(UnsupportedConditionError, match="the operator NumericEquals"):
        assigned("Reader", GROUP, condition=f"@Resource[{BLOBS}:path] NumericEquals 1")
    with pytest.raises(InvalidConditionError, match=r"conditionVersion is '1\.0'; only '2\.0'"):
        assigned("Reader", GROUP, condition="ActionMatches{'a'}", conditionVersion="1.0")
    with pytest.raises(InvalidConditionError, match="found the end"):
        assigned("Reader", GROUP, condition="(", conditionVersion="2.0")


# --- Refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["", "alice@example.com"])
def test_a_refusal_is_azures_sentence(client: str) -> None:
    call = Call(ALICE, "Microsoft.Storage/storageAccounts/write", ACCOUNT, client=client)
    decision = Access([]).decide(call)
    assert isinstance(decision, Refused)
    assert decision.code == "AuthorizationFailed"
    assert decision.message == (
        f"The client '{client or ALICE}' with object id '{ALICE}' does not have authorization to perform "
        f"action 'Microsoft.Storage/storageAccounts/write' over scope '{ACCOUNT}' or the scope is invalid. "
        "If access was recently granted, please refresh your credentials."
    )


grants = st.tuples(
    st.sampled_from(["Owner", "Contributor", "Reader", "Storage Blob Data Reader", "AzureML Data Scientist"]),
    st.sampled_from([SUBSCRIPTION, GROUP, ACCOUNT, CONTAINER, WORKSPACE]),
    st.sampled_from([ALICE, BOB]),
)
calls = st.builds(
    Call,
    principal=st.sampled_from([ALICE, BOB]),
    operation=st.sampled_from(
        [f"{BLOBS}/read", f"{COMPUTES}/write", "Microsoft.Authorization/roleAssignments/write"]
    ),
    scope=st.sampled_from([SUBSCRIPTION, GROUP, ACCOUNT, CONTAINER, WORKSPACE]),
    is_data=st.booleans(),
)


@settings(deadline=None)
@given(st.lists(grants, max_size=4), grants, calls)
def test_another_assignment_takes_nothing_away_and_order_does_not_count(
    given_: list[tuple[str, str, str]], other: tuple[str, str, str], call: Call
) -> None:
    before = [assigned(*each) for each in given_]
    allowed = decided(Access(before), call) is not None
    assert (decided(Access(before[::-1]), call) is not None) is allowed
    alone = decided(Access([assigned(*other)]), call) is not None
    assert (decided(Access([*before, assigned(*other)]), call) is not None) is (allowed or alone)
