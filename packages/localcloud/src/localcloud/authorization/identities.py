"""User-assigned identities. Source: "User Assigned Identities - Create Or Update" of 2024-11-30."""

from localcloud.home import TENANT
from localcloud.identities import USER_ASSIGNED, client_id_of, object_id_of
from localcloud.providers.kinds import Kind, Name
from localcloud.service import Cloud
from localcloud.store import Document

DELETED = "authorization.deletedIdentity"
"""Counts how many identities of an id were deleted: the next one is another principal."""
IDS = ("tenantId", "principalId", "clientId")


async def made(cloud: Cloud, document: Document) -> None:
    """Give an identity its ids."""
    id_ = document["id"]
    deleted = (cloud.store.get(DELETED, id_.lower()) or {"times": 0})["times"]
    ids = {
        "tenantId": TENANT,
        "principalId": object_id_of(id_, deleted),
        "clientId": client_id_of(id_, deleted),
    }
    cloud.inventory.put(USER_ASSIGNED, id_, document, document["properties"] | ids)


async def going(cloud: Cloud, document: Document) -> None:
    id_ = document["id"].lower()
    times = (cloud.store.get(DELETED, id_) or {"times": 0})["times"]
    cloud.store.put(DELETED, id_, {"times": times + 1})


def ids(cloud: Cloud, document: Document) -> Document:
    found = cloud.inventory.get(document["id"])
    properties = found["properties"] if found else {}
    return {name: properties[name] for name in IDS if name in properties}


KIND = Kind(
    USER_ASSIGNED,
    ("2018-11-30", "2025-05-31-preview"),
    Name(
        "[A-Za-z0-9][A-Za-z0-9_-]{2,127}",
        "has 3 to 128 letters, digits, hyphens and underscores, and begins with a letter or digit",
    ),
    read_only=tuple(f"properties.{name}" for name in IDS),
    computed=ids,
    made=made,
    going=going,
)
