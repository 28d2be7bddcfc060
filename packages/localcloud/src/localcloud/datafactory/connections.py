"""What the linked services of a factory connect to, and as whom.

Data Factory holds no rights of its own: it acts as the identity of a linked service's credential, or with a
key, which it reads from a vault as the identity of the vault's linked service. Its sentences are those of
"Troubleshoot Azure Data Factory"; whatever refuses it adds its own words. The codes for a vault that refuses
are not documented: they are those for what the key would have opened.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from azure.storage.blob import BlobServiceClient

from localcloud.access.calls import Call
from localcloud.access.decisions import Refused
from localcloud.batch import keys
from localcloud.blob_urls import account_of, accounts_of
from localcloud.datafactory import vault
from localcloud.datafactory.definitions import Json
from localcloud.datafactory.errors import ActivityFailedError
from localcloud.datafactory.linked_services import STORAGE_WAYS, check_credential
from localcloud.datafactory.resources import CREDENTIAL, LINKED_SERVICE, Resources, factory_id
from localcloud.identities import Principal
from localcloud.inventory import BATCH_ACCOUNT
from localcloud.service import Cloud
from localcloud.storage import clients
from localcloud.wire import AzureError

NO_STORAGE = "Cannot access user storage account; please check storage account settings."
NO_BATCH = "Cannot access user batch account; please check batch account settings."
JOBS_WRITE = "Microsoft.Batch/batchAccounts/jobs/write"
"""Creates a job, and a task in it."""


@dataclass(frozen=True)
class StorageConnection:
    """A storage account. identity: the resource id of the identity that uses it, or "" with a key."""

    account: str
    client: BlobServiceClient
    identity: str = ""
    key: str = ""


@dataclass(frozen=True)
class BatchConnection:
    """A Batch pool. storage: the linked service of its files. identity: as in StorageConnection."""

    storage: str
    identity: str = ""


class Connections:
    """Opens connections as the linked services of factories say. Its methods block."""

    def __init__(self, cloud: Cloud, resources: Resources) -> None:
        self._cloud = cloud
        self._resources = resources

    def batch(self, factory: str, name: str) -> BatchConnection:
        """Check that a linked service names this cloud's pool, and may run tasks there.

        Raises ActivityFailedError 2501, 2509, 2510 or 2110.
        """
        given = self._given(factory, name, "AzureBatch")
        self._check_pool(name, given)
        storage = str(given["linkedServiceName"]["referenceName"])
        if given.get("credential"):
            identity, principal = self._credential(factory, given, "2501", NO_BATCH)
            account = self._cloud.inventory.one(BATCH_ACCOUNT)
            assert account is not None
            refused = self._cloud.access.decide(
                Call(principal.object_id, JOBS_WRITE, account["id"], is_data=True, client=principal.client_id)
            )
            if isinstance(refused, Refused):
                raise ActivityFailedError("2501", f"{NO_BATCH} {refused.message}")
            return BatchConnection(storage, identity)
        key = self._secret(factory, given.get("accessKey"), "2501", NO_BATCH)
        if not keys.opens(self._cloud.inventory, key):
            raise ActivityFailedError(
                "2501", f"{NO_BATCH} The accessKey of '{name}' is not accepted by the account."
            )
        return BatchConnection(storage)

    def _check_pool(self, name: str, given: Json) -> None:
        inventory = self._cloud.inventory
        url = urlsplit(str(given["batchUri"]))
        if url.scheme != "https":
            raise ActivityFailedError(
                "2509", f"Batch url {given['batchUri']} is invalid; it must be in Uri format."
            )
        account, pool = inventory.batch_account, inventory.pool
        if (given["accountName"], given["poolName"]) != (account, pool):
            raise ActivityFailedError(
                "2501",
                f"{NO_BATCH} '{name}' names account {given['accountName']!r} and pool"
                f" {given['poolName']!r}; this cloud has '{account}' and '{pool}'.",
            )
        if url.netloc.lower() != self._cloud.batch_endpoint.lower():
            raise ActivityFailedError(
                "2510",
                "An error occurred while sending the request."
                f" Nothing of this cloud is at {given['batchUri']}: the account's URL is"
                f" https://{self._cloud.batch_endpoint}.",
            )

    def storage(self, factory: str, name: str) -> StorageConnection:
        """The storage account of a linked service. Raises ActivityFailedError 2502, 2505 or 2110."""
        given = self._given(factory, name, "AzureBlobStorage")
        way = next(way for way in STORAGE_WAYS if given.get(way))
        if way == "serviceEndpoint":
            account = self._account(name, str(given[way]))
            if not given.get("credential"):
                raise without_key(f"'{name}' names no credential")
            identity, principal = self._credential(factory, given, "2502", NO_STORAGE)
            return StorageConnection(account, self._cloud.storage_as(principal, account), identity)
        if way == "sasUri":
            raise without_key(f"'{name}' has a shared access signature")
        parts = pairs(plain(given[way]))
        account = self._account(name, endpoint_in(parts))
        key = parts.get("accountkey") or self._secret(factory, given.get("accountKey"), "2502", NO_STORAGE)
        return StorageConnection(account, clients.with_key(self._cloud.home, account, key), key=key)

    def _account(self, name: str, url: str) -> str:
        """The account of this cloud at a URL, or with this name if it is no URL."""
        accounts = accounts_of(self._cloud.inventory)
        found = account_of(self._cloud.home, accounts, url) if "/" in url else url
        if found not in accounts:
            raise ActivityFailedError(
                "2502", f"{NO_STORAGE} '{name}' names {url or 'no account'}, which is none of this cloud."
            )
        return str(found)

    def _given(self, factory: str, name: str, type_: str) -> Json:
        properties = self._resources.get(LINKED_SERVICE, factory, name)["properties"]
        if properties["type"] != type_:
            raise ActivityFailedError(
                "2110", f"The linked service type '{properties['type']}' is not supported."
            )
        given: Json = properties["typeProperties"]
        return given

    def _credential(self, factory: str, given: Json, code: str, failed: str) -> tuple[str, Principal]:
        """The identity of a linked service's credential. Raises ActivityFailedError if there is none."""
        name = given["credential"]["referenceName"]
        document = self._resources.get(CREDENTIAL, factory, name)
        identity = check_credential(name, document["properties"])
        carried = (self._resources.factory(factory).get("identity") or {}).get("userAssignedIdentities") or {}
        try:
            principal = self._cloud.principals.of_identity(identity)
        except AzureError as error:
            raise ActivityFailedError(code, f"{failed} The credential '{name}': {error.message}") from error
        if identity.lower() not in {each.lower() for each in carried}:
            message = f"{failed} The factory does not carry the identity of the credential '{name}'."
            raise ActivityFailedError(code, f"{message} It is {identity}.")
        return identity, principal

    def _secret(self, factory: str, value: Any, code: str, failed: str) -> str:
        """A key as it is given, or from the vault that holds it."""
        if not isinstance(value, dict) or value.get("type") != "AzureKeyVaultSecret":
            return plain(value or "")
        given = self._given(factory, str(value["store"]["referenceName"]), "AzureKeyVault")
        if given.get("credential"):
            _, principal = self._credential(factory, given, code, failed)
        else:
            document = self._resources.factory(factory)
            path = factory_id(self._cloud.inventory, document["name"])
            own = self._cloud.principals.carried(document.get("identity"), path)
            kinds = str((document.get("identity") or {}).get("type")).lower()
            if "systemassigned" not in kinds:
                message = (
                    f"{failed} The factory has no identity of its own to read the vault {given['baseUrl']}."
                )
                raise ActivityFailedError(code, message)
            principal = own[0]
        try:
            return vault.secret(self._cloud, principal, str(given["baseUrl"]), str(value["secretName"]))
        except vault.VaultError as error:
            raise ActivityFailedError(code, f"{failed} {error}") from error


def without_key(why: str) -> ActivityFailedError:
    """Data Factory's failure of a Custom activity that has to work without keys, and cannot."""
    message = "Cannot create Shared Access Signature unless Account Key credentials are used."
    return ActivityFailedError("2505", f"{message} {why[:1].upper()}{why[1:]}.")


def plain(value: Any) -> str:
    return str(value.get("value", "")) if isinstance(value, dict) else str(value)


def pairs(connection_string: str) -> dict[str, str]:
    """The parts of a connection string, by their names in small letters."""
    parts = (part.partition("=") for part in connection_string.split(";"))
    return {key.strip().lower(): value for key, _, value in parts}


def endpoint_in(parts: dict[str, str]) -> str:
    """The blob endpoint that a connection string names, or the name of the account."""
    if parts.get("blobendpoint"):
        return parts["blobendpoint"]
    name, suffix = parts.get("accountname", ""), parts.get("endpointsuffix")
    return f"https://{name}.blob.{suffix}/" if suffix else name
