"""Tells Azurite's process the accounts and roles of this cloud."""

from uuid import NAMESPACE_URL, uuid5

from localcloud.access.assignments import Assignment
from localcloud.access.decisions import Access
from localcloud.access.definitions import Permission, RoleDefinition
from localcloud.environment import EMULATOR_KEY
from localcloud.home import STORAGE_ACCOUNT, SUBSCRIPTION, Home
from localcloud.storage import policy
from localcloud.tokens import Tokens

EVERYTHING = RoleDefinition(
    "00000000-0000-0000-0000-000000000000",
    "Everything",
    (Permission(actions=("*",), data_actions=("*",)),),
)
"""What each principal of this cloud may do until its resources come with role assignments."""


def publish(home: Home, tokens: Tokens) -> None:
    """Write the policy of `home`: its one account, in which each of its principals may do everything."""
    provider = "Microsoft.Storage/storageAccounts"
    account = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/local/providers/{provider}/{STORAGE_ACCOUNT}"
    names = (*home.identity_headers, "service")
    principals = [str(uuid5(NAMESPACE_URL, f"localcloud/{name}")) for name in names]
    assignments = [Assignment(each, each, EVERYTHING.id, "/") for each in principals]
    access = Access(assignments, [EVERYTHING])
    policy.write(home, tokens.public_key, [policy.Account(account, (EMULATOR_KEY,))], access, platform="")
