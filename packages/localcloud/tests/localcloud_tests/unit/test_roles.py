"""Role assignments: what Resource Manager refuses, and who holds which role where."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from localcloud.home import SUBSCRIPTION
from localcloud.inventory import Inventory
from localcloud.roles import ASSIGNMENT, STORAGE_ROLES, Roles, client_of, principal_of
from localcloud.store import Document, Store
from localcloud.wire import AzureError

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/data"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/scoring"
PRINCIPAL = principal_of(IDENTITY)
TABLES = STORAGE_ROLES["Storage Table Data Contributor"]
DEFINITION = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{TABLES}"


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    store = Store(tmp_path / "cloud.sqlite")
    yield Inventory(store)
    store.close()


def assignment(**changed: str) -> Document:
    return {"principalId": PRINCIPAL, "roleDefinitionId": DEFINITION} | changed


def assign(inventory: Inventory, scope: str, name: str = "", **changed: str) -> str:
    """Make an assignment and return its name."""
    name = name or str(uuid4())
    wanted = assignment(**changed)
    Roles(inventory).check(name, scope, wanted)
    id_ = f"{scope}/providers/{ASSIGNMENT}/{name}"
    inventory.put(ASSIGNMENT, id_, {}, wanted | {"scope": scope})
    return name


@pytest.mark.parametrize("scope", [f"/subscriptions/{SUBSCRIPTION}", GROUP, ACCOUNT, ACCOUNT.upper()])
def test_a_role_holds_on_its_scope_and_on_everything_below(inventory: Inventory, scope: str) -> None:
    assign(inventory, scope)
    roles = Roles(inventory)
    assert roles.of(PRINCIPAL, ACCOUNT) == {TABLES}
    assert roles.of(PRINCIPAL.upper(), f"{ACCOUNT}/blobServices/default") == {TABLES}
    assert roles.of(str(uuid4()), ACCOUNT) == set()


@pytest.mark.parametrize("scope", [f"{ACCOUNT}/blobServices/default", f"{ACCOUNT}2", f"{GROUP}s"])
def test_a_role_does_not_hold_above_its_scope_or_beside_it(inventory: Inventory, scope: str) -> None:
    assign(inventory, scope)
    assert Roles(inventory).of(PRINCIPAL, ACCOUNT) == set()


def test_a_definition_may_be_named_without_its_subscription(inventory: Inventory) -> None:
    assign(inventory, ACCOUNT, roleDefinitionId=DEFINITION.removeprefix(f"/subscriptions/{SUBSCRIPTION}"))
    assert Roles(inventory).of(PRINCIPAL, ACCOUNT) == {TABLES}


@pytest.mark.parametrize(
    ("name", "changed", "code"),
    [
        ("scoring", {}, "InvalidRoleAssignmentId"),
        ("", {"principalId": "scoring"}, "InvalidPrincipalId"),
        ("", {"roleDefinitionId": TABLES}, "InvalidRoleDefinitionId"),
        ("", {"roleDefinitionId": "Storage Table Data Contributor"}, "InvalidRoleDefinitionId"),
    ],
)
def test_an_assignment_that_azure_refuses_is_refused(
    inventory: Inventory, name: str, changed: dict[str, str], code: str
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


def test_an_identity_has_one_principal_however_its_id_is_spelt() -> None:
    assert principal_of(IDENTITY.upper()) == PRINCIPAL
    assert client_of(IDENTITY) != PRINCIPAL
