"""The two keys of a storage account. Source: "Storage Accounts - List Keys" and "- Regenerate Key"."""

import base64
import secrets

from localcloud.inventory import Inventory
from localcloud.store import Document

NAMES = ("key1", "key2")


def of(inventory: Inventory, account: Document) -> tuple[str, ...]:
    """Both keys of an account, random and in Base64."""
    kept = inventory.secrets(account["id"])
    if "keys" not in kept:
        kept["keys"] = [made(), made()]
        inventory.keep_secrets(account["id"], kept)
    return tuple(kept["keys"])


def regenerate(inventory: Inventory, account: Document, name: str) -> None:
    """Replace one key; the other stays."""
    current = [*of(inventory, account)]
    current[NAMES.index(name)] = made()
    inventory.keep_secrets(account["id"], inventory.secrets(account["id"]) | {"keys": current})


def body(inventory: Inventory, account: Document) -> Document:
    """The answer of listKeys."""
    pairs = zip(NAMES, of(inventory, account), strict=True)
    return {"keys": [{"keyName": name, "value": key, "permissions": "FULL"} for name, key in pairs]}


def made() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()
