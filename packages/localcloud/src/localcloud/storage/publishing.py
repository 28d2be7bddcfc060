"""Tells Azurite's process the accounts and roles of this cloud."""

from collections.abc import Iterable

from localcloud.access.assignments import Assignment
from localcloud.access.decisions import Access
from localcloud.access.definitions import Permission, RoleDefinition
from localcloud.environment import EMULATOR_KEY
from localcloud.home import STORAGE_ACCOUNT, SUBSCRIPTION, Home
from localcloud.identities import PLATFORM
from localcloud.inventory import Inventory
from localcloud.persons import persons
from localcloud.storage import keys, policy
from localcloud.tokens import Tokens

TYPE = "Microsoft.Storage/storageAccounts"
EVERYTHING = RoleDefinition(
    "00000000-0000-0000-0000-000000000000",
    "Everything",
    (Permission(actions=("*",), data_actions=("*",)),),
)
"""What each principal of this cloud may do until its resources come with role assignments."""


def publish(
    home: Home, tokens: Tokens, holders: Iterable[str] = (), inventory: Inventory | None = None
) -> None:
    """Write the policy of `home`: its accounts, in which each of its principals may do everything.

    holders: object ids of principals beside the home's persons. inventory: None before there is a cloud.
    """
    everybody = {each.object_id for each in persons(home)} | {*holders}
    access = Access((Assignment(each, each, EVERYTHING.id, "/") for each in everybody), [EVERYTHING])
    accounts = {each.name: each for each in [emulated(), *(accounts_of(inventory) if inventory else [])]}
    policy.write(home, tokens.public_key, accounts.values(), access, PLATFORM.object_id)


def emulated() -> policy.Account:
    """The account that is there before Resource Manager has any."""
    account = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/local/providers/{TYPE}/{STORAGE_ACCOUNT}"
    return policy.Account(account, (EMULATOR_KEY,))


def accounts_of(inventory: Inventory) -> list[policy.Account]:
    """The storage accounts that were PUT to Resource Manager."""
    return [
        policy.Account(
            each["id"],
            keys.of(inventory, each),
            each["properties"].get("allowSharedKeyAccess") is not False,
            each["properties"].get("allowBlobPublicAccess") is True,
        )
        for each in inventory.all(TYPE)
    ]
