"""What the committed snapshots say is what may be deployed. No compiler is needed."""

import re
from collections.abc import Callable

import pytest

from scripts.bicep_snapshots import cases
from tests.bicep.claims import CLAIMS, Claim
from tests.bicep.deployed import Deployed, Resource, committed
from tests.checkout import CHECKOUT


@pytest.mark.parametrize("deployed", committed(), ids=lambda each: each.case)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda each: each.__name__)
def test_in_each_case(claim: Claim, deployed: Deployed) -> None:
    assert list(claim(deployed)) == []


def test_every_parameter_is_given_in_the_case_of_everything() -> None:
    (case,) = [each for each in cases() if each.stem == "everything"]
    declared = re.findall(r"^param (\w+) ", (CHECKOUT / "bicep" / "main.bicep").read_text(), re.MULTILINE)
    assert re.findall(r"^param (\w+) ", case.read_text(), re.MULTILINE) == declared


ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
GROUP = "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/rg-touchdown"


def properties(**given: object) -> Callable[[Resource], object]:
    return lambda one: one["properties"].update(given)


PLANTED: dict[str, tuple[str, Callable[[Resource], object]]] = {
    "no_two_resources_have_one_id": (
        "Microsoft.Batch/batchAccounts",
        lambda one: one.update(id=GROUP.upper()),
    ),
    "all_resources_are_in_one_region": ("Microsoft.Web/sites", lambda one: one.update(location="uksouth")),
    "azd_finds_the_environment_and_the_app_by_their_tags": (
        "Microsoft.Web/sites",
        lambda one: one.pop("tags"),
    ),
    "assignments_are_those_of_the_document": (ASSIGNMENT, properties(roleDefinitionId=f"x/{CONTRIBUTOR}")),
    "an_assignment_says_where_it_is_explained": (ASSIGNMENT, properties(description="docs/rules.md")),
    "an_identity_is_named_as_one": (ASSIGNMENT, properties(principalType="User")),
    "whoever_changes_blobs_has_a_condition": (ASSIGNMENT, properties(condition="true")),
    "storage_is_neither_public_nor_keyed": (
        "Microsoft.Storage/storageAccounts",
        properties(allowBlobPublicAccess=True),
    ),
    "no_container_is_public": (
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        properties(publicAccess="Blob"),
    ),
    "services_accept_tokens_only": ("Microsoft.EventGrid/topics", properties(disableLocalAuth=False)),
    "services_have_a_public_address": (
        "Microsoft.KeyVault/vaults",
        properties(publicNetworkAccess="EnabledZz"),
    ),
    "keys_are_read_for_the_vault_only": ("Microsoft.Web/sites", properties(serverFarmId="[listKeys('x')]")),
}
"""By claim, a resource's type and a fault in it."""


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    (claim,) = [each for each in CLAIMS if each.__name__ == name]
    (defaults,) = [each for each in committed() if each.case == "defaults"]
    kind, plant = PLANTED[name]
    plant(defaults.of(kind)[0])
    assert list(claim(defaults)) != []
