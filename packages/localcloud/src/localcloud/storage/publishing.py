"""Tells Azurite's process the accounts and roles of this cloud."""

from collections.abc import Iterable

from localcloud.access.assignments import Assignment
from localcloud.access.decisions import Access
from localcloud.access.definitions import Permission, RoleDefinition
from localcloud.environment import EMULATOR_KEY
from localcloud.home import STORAGE_ACCOUNT, SUBSCRIPTION, Home
from localcloud.identities import PLATFORM
from localcloud.persons import persons
from localcloud.storage import policy
from localcloud.tokens import Tokens

EVERYTHING = RoleDefinition(
    "00000000-0000-0000-0000-000000000000",
    "Everything",
    (Permission(actions=("*",), data_actions=("*",)),),
)
"""What each principal of this cloud may do until its resources come with role assignments."""


def publish(home: Home, tokens: Tokens, holders: Iterable[str] = ()) -> None:
    """Write the policy of `home`: its one account, in which each of its principals may do everything.

    holders: object ids of principals beside the home's persons.
    """
    provider = "Microsoft.Storage/storageAccounts"
    account = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/local/providers/{provider}/{STORAGE_ACCOUNT}"
    everybody = {each.object_id for each in persons(home)} | {*holders}
    access = Access((Assignment(each, each, EVERYTHING.id, "/") for each in everybody), [EVERYTHING])
    accounts = [policy.Account(account, (EMULATOR_KEY,))]
    policy.write(home, tokens.public_key, accounts, access, PLATFORM.object_id)
