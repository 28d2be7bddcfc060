"""Secrets as templates write them: their values are stored, and only the vault itself hands them out.

Source: "Secrets - Create Or Update" of the Key Vault management API. Azure adds a version at every PUT; here
a PUT of what is there already adds none.
"""

import time
import uuid

from localcloud.inventory import Inventory
from localcloud.keyvault.vaults import VAULT
from localcloud.providers.kinds import Kind, Name
from localcloud.service import Cloud
from localcloud.store import Document

SECRET = f"{VAULT}/secrets"


def versions(inventory: Inventory, id_: str) -> list[Document]:
    """The versions of a secret, oldest first: {"version", "value", "contentType", "enabled", "created"}."""
    return list(inventory.secrets(id_).get("versions", []))


async def add_version(cloud: Cloud, document: Document) -> None:
    """Keep what was PUT as a version, unless it is the last one already."""
    given, id_ = document["properties"], document["id"]
    wanted = {
        "value": given["value"],
        "contentType": given.get("contentType"),
        "enabled": (given.get("attributes") or {}).get("enabled", True),
    }
    known = versions(cloud.inventory, id_)
    if known and wanted.items() <= known[-1].items():
        return
    added = {"version": uuid.uuid4().hex, **wanted, "created": int(time.time())}
    kept = cloud.inventory.secrets(id_) | {"versions": [*known, added]}
    cloud.inventory.keep_secrets(id_, kept)


def uri(cloud: Cloud, id_: str) -> str:
    """The address of a secret in its vault, by its resource id."""
    vault, name = id_.split("/")[8], id_.rpartition("/")[2]
    return f"{cloud.home.key_vault_url(vault).rstrip('/')}/secrets/{name}"


def attributes(version: Document) -> Document:
    times = dict.fromkeys(("created", "updated"), version["created"])
    return {"enabled": version["enabled"], **times}


def computed(cloud: Cloud, document: Document) -> Document:
    address, last = uri(cloud, document["id"]), versions(cloud.inventory, document["id"])[-1]
    return {
        "attributes": attributes(last),
        "secretUri": address,
        "secretUriWithVersion": f"{address}/{last['version']}",
    }


KIND = Kind(
    SECRET,
    ("2019-09-01", "2026-02-01"),
    Name(r"[A-Za-z0-9-]{1,127}", "has 1 to 127 letters, digits and hyphens"),
    located=False,
    required=("properties", "properties.value"),
    secret=("properties.value",),
    read_only=("properties.secretUri", "properties.secretUriWithVersion"),
    computed=computed,
    made=add_version,
)
