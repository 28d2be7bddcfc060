"""The two keys of a Batch account, and whether one opens it. Source: "Batch Account - Get Keys"."""

import base64
import hashlib
import hmac

from localcloud.inventory import BATCH_ACCOUNT, Inventory
from localcloud.store import Document
from localcloud.wire import AzureError


def of(inventory: Inventory, account: Document) -> Document:
    """The answer of listKeys. Raises AzureError 400 where the account accepts no key, as documented."""
    if not accepted(account):
        raise AzureError(
            400,
            "SharedKeyNotAllowed",
            f"The Batch account '{account['name']}' has no keys: SharedKey is none of its"
            " allowedAuthenticationModes.",
            target="BatchAccount",
        )
    return {"accountName": account["name"]} | {
        name: made(inventory.secrets(account["id"])["seed"], name) for name in ("primary", "secondary")
    }


def accepted(account: Document) -> bool:
    """Whether clients of an account may authenticate with its keys."""
    return "SharedKey" in account["properties"]["allowedAuthenticationModes"]


def opens(inventory: Inventory, key: str) -> bool:
    """Whether a key opens this cloud's Batch account."""
    account = inventory.one(BATCH_ACCOUNT)
    if account is None or not accepted(account):
        return False
    known = of(inventory, account)
    return any(hmac.compare_digest(key.encode(), known[name].encode()) for name in ("primary", "secondary"))


def made(seed: str, name: str) -> str:
    return base64.b64encode(hashlib.sha512(f"{seed} {name}".encode()).digest()).decode()
