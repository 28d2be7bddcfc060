"""Patterns of operations, and which scope is below which."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from localcloud.access import operations, scopes

from localcloud_tests.unit.access.hook import HOOK

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
GROUP = f"{SUBSCRIPTION}/resourceGroups/Example-Storage-rg"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/azurestorage12345"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/blob-container-01"
MARKETING = "/providers/Microsoft.Management/managementGroups/marketing-group"
COMPANY = "/providers/Microsoft.Management/managementGroups/company"
ROLE_ASSIGNMENT = (
    f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-000000000001"
)

segments = st.lists(st.text("abzAZ0.()-*", min_size=1), min_size=1, max_size=5).map("/".join)
words = st.lists(st.text("abzAZ0.()-", min_size=1), min_size=1, max_size=5).map("/".join)


def matches(pattern: str, operation: str) -> bool:
    """Whether a pattern matches, on which storage's hook must agree."""
    found = operations.matches(pattern, operation)
    assert HOOK.ask("matches", given=pattern, operation=operation) is found
    return found


def covers(scope: str, target: str, parents: dict[str, str] | None = None) -> bool:
    """Whether a scope covers a target; storage's hook, which is not told of management groups, must agree."""
    found = scopes.covers(scope, target, parents)
    assert parents or HOOK.ask("covers", scope=scope, target=target) is found
    return found


@pytest.mark.parametrize(
    ("pattern", "operation", "expected"),
    [
        # "Understand Azure role definitions", section "Actions".
        ("*/read", "Microsoft.Compute/virtualMachines/read", True),
        ("*/read", "Microsoft.Compute/virtualMachines/write", False),
        ("Microsoft.Compute/*", "Microsoft.Compute/virtualMachines/restart/action", True),
        ("Microsoft.Compute/*", "Microsoft.ComputeX/virtualMachines/read", False),
        ("Microsoft.Network/*/read", "Microsoft.Network/virtualNetworks/subnets/read", True),
        ("Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/virtualMachines/extensions/write", True),
        ("microsoft.web/sites/restart/Action", "Microsoft.Web/sites/restart/action", True),
        # The same, section "NotActions".
        ("Microsoft.CostManagement/exports/*", "Microsoft.CostManagement/exports/action", True),
        ("Microsoft.CostManagement/exports/*", "Microsoft.CostManagement/exports/run/action", True),
        ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/roleAssignments/delete", True),
        # AzureML Data Scientist.
        (
            "Microsoft.MachineLearningServices/workspaces/computes/*/write",
            "Microsoft.MachineLearningServices/workspaces/computes/write",
            True,
        ),
        ("a/b", "a/b/c", False),
        ("a/b", "x/a/b", False),
        ("a.b/read", "aXb/read", False),
    ],
)
def test_a_pattern_matches_what_azures_documents_say(pattern: str, operation: str, expected: bool) -> None:
    assert matches(pattern, operation) is expected


@settings(deadline=None)
@given(words, words)
def test_a_pattern_without_wildcard_matches_itself_in_any_letter_case_and_nothing_else(
    one: str, other: str
) -> None:
    assert matches(one, one.swapcase())
    assert matches(one, other) is (one.lower() == other.lower())


@settings(deadline=None)
@given(segments, segments)
def test_a_wildcard_at_the_end_matches_all_below(above: str, below: str) -> None:
    assert matches(f"{above}/*", f"{above}/{below}")
    assert matches("*", f"{above}/{below}")


@pytest.mark.parametrize("wildcard", ["*a", "/*/a"])
def test_a_pattern_of_many_wildcards_is_decided_at_once(wildcard: str) -> None:
    assert not matches(wildcard * 40, "/a" * 200 + "b")
    assert matches(wildcard * 40, "/a" * 200)


@pytest.mark.parametrize(
    ("scope", "target", "expected"),
    [
        ("/", CONTAINER, True),
        ("/", "/", True),
        (SUBSCRIPTION, GROUP, True),
        (GROUP, CONTAINER, True),
        (GROUP.lower(), ACCOUNT, True),
        (ACCOUNT, CONTAINER, True),
        (CONTAINER, CONTAINER, True),
        (f"{ACCOUNT}/", ACCOUNT, True),
        (GROUP, ROLE_ASSIGNMENT, True),
        (CONTAINER, ACCOUNT, False),
        (ACCOUNT, f"{ACCOUNT}6/blobServices/default", False),
        (GROUP, f"{GROUP}2/providers/Microsoft.Storage/storageAccounts/a", False),
        (MARKETING, SUBSCRIPTION, False),
    ],
)
def test_a_scope_covers_itself_and_what_is_below(scope: str, target: str, expected: bool) -> None:
    assert covers(scope, target) is expected


def test_a_management_group_covers_its_subscriptions_and_groups() -> None:
    parents = {SUBSCRIPTION.upper(): MARKETING, MARKETING: COMPANY}
    for above in (MARKETING, COMPANY.upper(), "/"):
        assert covers(above, CONTAINER, parents)
    assert covers(COMPANY, f"{MARKETING}/providers/Microsoft.Authorization/roleAssignments/a", parents)
    assert not covers(f"{MARKETING}-2", CONTAINER, parents)
    assert not covers(MARKETING, "/subscriptions/1", parents)
    assert not covers(MARKETING, COMPANY, parents)


def test_management_groups_that_contain_each_other_end_the_search() -> None:
    assert not covers(GROUP, MARKETING, {MARKETING: COMPANY, COMPANY: MARKETING})


@settings(deadline=None)
@given(words, words, words)
def test_scopes_are_compared_by_whole_segments(scope: str, name: str, more: str) -> None:
    assert covers(f"/{scope}", f"/{scope}/{name}".swapcase())
    assert not covers(f"/{scope}/{name}", f"/{scope}")
    assert not covers(f"/{scope}", f"/{scope}{name}")
    assert covers(f"/{scope}", f"/{more}") is (
        more.lower() == scope.lower() or more.lower().startswith(f"{scope.lower()}/")
    )
