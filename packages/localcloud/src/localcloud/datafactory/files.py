"""How a node gets and stores the files of a Custom activity: by a signature of a key, or by its own identity.

Without keys, one user-assigned identity has to be everywhere. Source: Azure-DataFactory#287, a user's report,
the only one of a Custom activity that works without keys.
"""

from datetime import UTC, datetime, timedelta

from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from localcloud.batch.tasks import OutputFile, ResourceFile
from localcloud.blob_urls import STORAGE, BlobUrl
from localcloud.datafactory.connections import StorageConnection, without_key
from localcloud.inventory import BATCH_ACCOUNT, POOL, Inventory
from localcloud.store import Document

JOBS = "adfjobs"
"""The container, in the Batch account's storage, in which Data Factory keeps the files of tasks."""
SIGNED_FOR = timedelta(days=30)


def resource_file(storage: StorageConnection, name: str, container: str, blob: str) -> ResourceFile:
    """A blob that the node copies to a file."""
    place = BlobUrl(storage.account, container, blob)
    return ResourceFile(
        name, place, storage.identity, signature(storage, place, BlobSasPermissions(read=True))
    )


def output_file(storage: StorageConnection, path: str, blob: str) -> OutputFile:
    """A file of the task that the node copies to a blob of the container adfjobs."""
    place, rights = BlobUrl(storage.account, JOBS, blob), BlobSasPermissions(create=True, write=True)
    return OutputFile(path, place, storage.identity, signature(storage, place, rights))


def signature(storage: StorageConnection, place: BlobUrl, rights: BlobSasPermissions) -> str:
    """The shared access signature of a blob, or "" without a key."""
    if not storage.key:
        return ""
    signed = generate_blob_sas(
        place.account,
        place.container,
        place.blob,
        account_key=storage.key,
        permission=rights,
        expiry=datetime.now(UTC) + SIGNED_FOR,
    )
    return str(signed)


def check_keyless(
    inventory: Inventory, factory: Document, batch_identity: str, storage: StorageConnection
) -> None:
    """Raise ActivityFailedError 2505 unless storage's identity is wherever a task without keys needs it."""
    account, pool = inventory.one(BATCH_ACCOUNT) or {}, inventory.one(POOL) or {}
    automatic = (account.get("properties") or {}).get("autoStorage") or {}
    wanted, node = storage.identity, (automatic.get("nodeIdentityReference") or {}).get("resourceId")
    account_id = next((each["id"] for each in inventory.all(STORAGE) if each["name"] == storage.account), "")
    for held, otherwise in (
        (same(batch_identity, wanted), "the linked service of the pool uses another identity than storage's"),
        (carries(factory, wanted), "the factory does not carry the identity"),
        (carries(account, wanted), "the Batch account does not carry the identity"),
        (carries(pool, wanted), "the pool does not carry the identity"),
        (
            automatic.get("authenticationMode") == "BatchAccountManagedIdentity",
            "the auto storage of the Batch account does not use BatchAccountManagedIdentity",
        ),
        (same(node, wanted), "the auto storage of the Batch account names another nodeIdentityReference"),
        (same(automatic.get("storageAccountId"), account_id), "the Batch account's auto storage is another"),
    ):
        if not held:
            raise without_key(f"{otherwise} ({wanted})")


def carries(resource: Document, identity: str) -> bool:
    listed = (resource.get("identity") or {}).get("userAssignedIdentities") or {}
    return identity.lower() in {each.lower() for each in listed}


def same(one: str | None, other: str) -> bool:
    return str(one).lower() == other.lower()
