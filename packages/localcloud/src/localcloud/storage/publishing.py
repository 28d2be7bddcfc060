"""Tells Azurite's process the accounts and roles of this cloud."""

from localcloud.access.decisions import Access
from localcloud.home import Home
from localcloud.identities import PLATFORM
from localcloud.inventory import Inventory
from localcloud.storage import keys, policy
from localcloud.tokens import Tokens

TYPE = "Microsoft.Storage/storageAccounts"


def publish(
    home: Home, tokens: Tokens, access: Access | None = None, inventory: Inventory | None = None
) -> None:
    """Write the policy of `home`: its accounts, and what each principal may do there.

    access, inventory: None before there is a cloud, when nobody holds a role and there are no accounts.
    """
    accounts = accounts_of(inventory) if inventory else []
    policy.write(home, tokens.public_key, accounts, access or Access([]), PLATFORM.object_id)


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
