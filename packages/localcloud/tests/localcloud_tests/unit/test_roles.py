"""Role assignments: what Resource Manager refuses, and who holds which role where."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from localcloud.access.calls import Call
from localcloud.access.decisions import Allowed, Refused
from localcloud.authorization.assignments import accepted
from localcloud.grants import ASSIGNMENT, Grants
from localcloud.home import SUBSCRIPTION
from localcloud.identities import client_id_of, object_id_of
from localcloud.inventory import Inventory
from localcloud.store import Document, Store
from localcloud.wire import AzureError

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/data"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/scoring"
PRINCIPAL = object_id_of(IDENTITY)
TABLES = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
"""Storage Table Data Contributor."""
CONDITION = "@Resource[Microsoft.Storage/storageAccounts:name] StringEquals 'data'"
DEFINITION = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{TABLES}"


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    store = Store(tmp_path / "cloud.sqlite")
    yield Inventory(store)
    store.close()


def assignment(**changed: str | None) -> Document:
    return {
        "principalId": PRINCIPAL,
        "principalType": "ServicePrincipal",
        "roleDefinitionId": DEFINITION,
    } | changed


def assign(inventory: Inventory, scope: str, name: str = "", **changed: str | None) -> str:
    """Make an assignment and return its name."""
    name = name or str(uuid4())
    id_ = f"{scope}/providers/{ASSIGNMENT}/{name}"
    wanted = accepted(lambda _: None, inventory, id_, assignment(**changed))
    inventory.put(ASSIGNMENT, id_, {}, wanted)
    return name


WRITES = "Microsoft.Storage/storageAccounts/tableServices/tables/write"


def may_write_tables(inventory: Inventory, principal: str, scope: str) -> bool:
    return isinstance(Grants(inventory).decide(Call(principal, WRITES, scope)), Allowed)


@pytest.mark.parametrize("scope", [f"/subscriptions/{SUBSCRIPTION}", GROUP, ACCOUNT, ACCOUNT.upper()])
def test_a_role_holds_on_its_scope_and_on_everything_below(inventory: Inventory, scope: str) -> None:
    assign(inventory, scope)
    assert may_write_tables(inventory, PRINCIPAL, ACCOUNT)
    assert may_write_tables(inventory, PRINCIPAL.upper(), f"{ACCOUNT}/blobServices/default")
    assert not may_write_tables(inventory, str(uuid4()), ACCOUNT)


@pytest.mark.parametrize("scope", [f"{ACCOUNT}/blobServices/default", f"{ACCOUNT}2", f"{GROUP}s"])
def test_a_role_does_not_hold_above_its_scope_or_beside_it(inventory: Inventory, scope: str) -> None:
    assign(inventory, scope)
    assert not may_write_tables(inventory, PRINCIPAL, ACCOUNT)


def test_a_definition_may_be_named_without_its_subscription(inventory: Inventory) -> None:
    assign(inventory, ACCOUNT, roleDefinitionId=DEFINITION.removeprefix(f"/subscriptions/{SUBSCRIPTION}"))
    assert may_write_tables(inventory, PRINCIPAL, ACCOUNT)


def test_what_was_decided_is_decided_again_when_access_changes(inventory: Inventory) -> None:
    grants, call = Grants(inventory), Call(PRINCIPAL, WRITES, ACCOUNT)
    assert isinstance(grants.decide(call), Refused)
    name = assign(inventory, ACCOUNT)
    assert isinstance(grants.decide(call), Allowed)
    inventory.delete(f"{ACCOUNT}/providers/{ASSIGNMENT}/{name}")
    assert isinstance(grants.decide(call), Refused)


def test_listeners_are_told_once_of_all_changes_before_an_announcement(inventory: Inventory) -> None:
    grants, told = Grants(inventory), list[int]()

    async def listener() -> None:
        told.append(len(inventory.all(ASSIGNMENT)))

    grants.on_change(listener)
    asyncio.run(grants.announce())
    for scope in (ACCOUNT, GROUP):
        assign(inventory, scope)
    asyncio.run(grants.announce())
    asyncio.run(grants.announce())
    assert told == [2]


@pytest.mark.parametrize(
    ("name", "changed", "code"),
    [
        ("scoring", {}, "InvalidRoleAssignmentId"),
        ("", {"principalId": "scoring"}, "InvalidPrincipalId"),
        ("", {"roleDefinitionId": TABLES}, "InvalidRoleDefinitionId"),
        ("", {"roleDefinitionId": "Storage Table Data Contributor"}, "InvalidRoleDefinitionId"),
        ("", {"roleDefinitionId": DEFINITION.replace("0a9a", "0a9b")}, "RoleDefinitionDoesNotExist"),
        ("", {"principalType": "Robot"}, "InvalidPrincipalType"),
        ("", {"principalType": None}, "PrincipalNotFound"),
        ("", {"condition": "@Resource[x"}, "InvalidCondition"),
        ("", {"condition": CONDITION, "conditionVersion": "1.0"}, "InvalidCondition"),
        ("", {"conditionVersion": "2.0"}, "InvalidConditionVersion"),
    ],
)
def test_an_assignment_that_azure_refuses_is_refused(
    inventory: Inventory, name: str, changed: dict[str, str | None], code: str
) -> None:
    with pytest.raises(AzureError) as refused:
        assign(inventory, ACCOUNT, name, **changed)
    assert (refused.value.status, refused.value.code) == (400, code)


def test_the_same_assignment_may_be_made_again_but_not_under_another_name(inventory: Inventory) -> None:
    name = assign(inventory, ACCOUNT)
    assert assign(inventory, ACCOUNT, name.upper()) == name.upper()
    with pytest.raises(AzureError) as refused:
        assign(inventory, ACCOUNT)
    assert (refused.value.status, refused.value.code) == (409, "RoleAssignmentExists")
    with pytest.raises(AzureError) as refused:
        assign(inventory, ACCOUNT, name, principalId=str(uuid4()))
    assert (refused.value.status, refused.value.code) == (400, "RoleAssignmentUpdateNotPermitted")


@pytest.mark.parametrize(
    "condition",
    [
        "@Environment[nothing:known] StringEquals 'x'",
        "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags:a<$key_case_sensitive$>]"
        " StringEquals 'x'",
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_refused_as_not_imitated(
    inventory: Inventory, condition: str
) -> None:
    with pytest.raises(AzureError) as refused:
        assign(inventory, ACCOUNT, condition=condition, conditionVersion="2.0")
    assert (refused.value.status, refused.value.code) == (501, "NotImplemented")


def test_an_identity_has_one_principal_however_its_id_is_spelt() -> None:
    assert object_id_of(IDENTITY.upper()) == PRINCIPAL
    assert client_id_of(IDENTITY) != PRINCIPAL
