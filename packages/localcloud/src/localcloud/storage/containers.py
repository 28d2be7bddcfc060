"""The blob service of an account and its containers, which are made in Azurite.

Sources: "Blob Services - Set Service Properties", "Blob Containers - Create" of the storage provider;
"Naming and referencing containers, blobs, and metadata".
"""

import asyncio
import contextlib

from azure.core.exceptions import AzureError as StorageError
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from localcloud.providers.kinds import Kind, Name, Sent
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import AzureError

INVALID = "Values for request parameters are invalid: {name}. The name of the service is default."


async def make(cloud: Cloud, document: Document) -> None:
    """Make a container in Azurite unless it exists. Raises AzureError 400 with Azurite's words."""
    try:
        await asyncio.to_thread(_make, cloud, account_of(document["id"]), document["name"])
    except StorageError as error:
        message = f"The container '{document['name']}' could not be made: {error}"
        raise AzureError(400, "ContainerOperationFailure", message) from None


async def delete(cloud: Cloud, document: Document) -> None:
    await asyncio.to_thread(_delete, cloud, account_of(document["id"]), document["name"])


async def delete_all(cloud: Cloud, account: Document) -> None:
    """Delete all containers of an account, with which Azure deletes their blobs."""
    await asyncio.to_thread(_delete_all, cloud, account["name"])


def account_of(id_: str) -> str:
    """The name of the account in the resource id of something below it."""
    return id_.split("/")[8]


def _make(cloud: Cloud, account: str, name: str) -> None:
    with contextlib.suppress(ResourceExistsError):
        cloud.blobs_of(account).create_container(name, retry_total=0)


def _delete(cloud: Cloud, account: str, name: str) -> None:
    with contextlib.suppress(ResourceNotFoundError):
        cloud.blobs_of(account).delete_container(name)


def _delete_all(cloud: Cloud, account: str) -> None:
    for each in [*cloud.blobs_of(account).list_containers()]:
        _delete(cloud, account, each.name)


def check_service(_: Cloud, sent: Sent) -> None:
    """Raise AzureError 400 for blobs or containers that are kept after a deletion, but not for how long."""
    for name in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        policy = sent.properties.get(name) or {}
        if policy.get("enabled") and policy.get("days") is None:
            message = f"The {name} is enabled, so it needs days, from 1 to 365."
            raise AzureError(400, "InvalidXmlNodeValue", message, target=f"properties.{name}.days")


def of_service(_: Cloud, document: Document) -> Document:
    given = document["properties"]
    return {
        "cors": given.get("cors", {"corsRules": []}),
        "deleteRetentionPolicy": given.get("deleteRetentionPolicy", {"enabled": False}),
    }


def check_access(cloud: Cloud, sent: Sent) -> None:
    """Raise AzureError 409 for a public container of an account that allows none."""
    account = cloud.inventory.get(sent.id.split("/blobServices/")[0]) or {"properties": {}}
    public = str(sent.properties.get("publicAccess") or "None").lower() != "none"
    # Accounts allow none unless they say so: "Remediate anonymous read access to blob data".
    if public and account["properties"].get("allowBlobPublicAccess") is not True:
        message = "Public access is not permitted on this storage account."
        raise AzureError(409, "PublicAccessNotPermitted", message)


def of_container(_: Cloud, document: Document) -> Document:
    return {
        "publicAccess": document["properties"].get("publicAccess") or "None",
        "leaseStatus": "Unlocked",
        "leaseState": "Available",
        "hasImmutabilityPolicy": False,
        "hasLegalHold": False,
    }


SERVICE = Kind(
    "Microsoft.Storage/storageAccounts/blobServices",
    ("2019-06-01", "2026-04-01"),
    Name("default", "", "InvalidValuesForRequestParameters", INVALID),
    located=False,
    ranges={
        "properties.deleteRetentionPolicy.days": (1, 365),
        "properties.containerDeleteRetentionPolicy.days": (1, 365),
        "properties.changeFeed.retentionInDays": (1, 146000),
    },
    code="InvalidXmlNodeValue",
    computed=of_service,
    check=check_service,
    created=200,
)
KIND = Kind(
    f"{SERVICE.type}/containers",
    ("2019-06-01", "2026-04-01"),
    Name(
        r"\$root|\$web|\$logs|(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*",
        "",
        "InvalidResourceName",
        "The specifed resource name contains invalid characters: '{name}'.",
    ),
    located=False,
    choices={"properties.publicAccess": ("None", "Blob", "Container")},
    read_only=("properties.leaseState", "properties.leaseStatus", "properties.lastModifiedTime"),
    code="InvalidRequestPropertyValue",
    computed=of_container,
    check=check_access,
    made=make,
    going=delete,
)
