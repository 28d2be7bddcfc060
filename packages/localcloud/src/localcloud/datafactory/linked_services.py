"""Linked services: the definitions that the factory accepts, their secrets, and the resources they name.

Source: "Compute environments supported by Azure Data Factory"; "Copy and transform data in Azure Blob
Storage"; Bicep types Microsoft.DataFactory/factories/linkedservices@2018-06-01.
"""

import re
from typing import Any

from localcloud.datafactory.definitions import Json
from localcloud.datafactory.errors import ActivityFailedError, BadRequestError
from localcloud.datafactory.reading import reference
from localcloud.home import STORAGE_ACCOUNT, Home
from localcloud.wire import not_imitated

MASK = "**********"
SECRET_IN_CONNECTION_STRING = re.compile(r"((?:AccountKey|SharedAccessSignature)=)[^;]+", re.IGNORECASE)
STORAGE_WAYS = ("connectionString", "sasUri", "serviceEndpoint")


def check(name: str, properties: Json) -> str | None:
    """The linked service that this one refers to, if any.

    Raises BadRequestError for a definition that lacks something, AzureError 501 for a type that is left out.
    """
    type_, given = properties.get("type"), properties.get("typeProperties")
    if type_ not in ("AzureBlobStorage", "AzureBatch"):
        raise not_imitated(f"linked services of type '{type_}'")
    if not isinstance(given, dict):
        raise BadRequestError(f"The linked service '{name}' needs typeProperties.", name)
    for key, holder in (("parameters", properties), ("connectVia", properties), ("credential", given)):
        if holder.get(key):
            raise not_imitated(f"'{key}' of linked services (linked service '{name}')")
    if type_ == "AzureBlobStorage":
        ways = [way for way in STORAGE_WAYS if given.get(way)]
        if len(ways) != 1:
            raise BadRequestError(
                f"'{name}' needs exactly one of {', '.join(STORAGE_WAYS)}; it has {ways}.", name
            )
        return None
    for key in ("accountName", "batchUri", "poolName", "linkedServiceName"):
        if not given.get(key):
            raise BadRequestError(f"The AzureBatch linked service '{name}' needs {key}.", name)
    return reference(given["linkedServiceName"], name)


def without_secrets(value: Any) -> Any:
    """A copy of a definition, as a client reads it, with its secrets masked."""
    if isinstance(value, dict):
        if value.get("type") == "SecureString":
            return value | {"value": MASK}
        return {key: without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if isinstance(value, str):
        return SECRET_IN_CONNECTION_STRING.sub(rf"\g<1>{MASK}", value)
    return value


def check_storage(home: Home, name: str, properties: Json) -> None:
    """Raise ActivityFailedError unless the linked service names this cloud's storage, the only one it has."""
    if properties["type"] != "AzureBlobStorage":
        raise ActivityFailedError("2110", f"The linked service type '{properties['type']}' is not supported.")
    given = properties["typeProperties"]
    endpoint = next(_plain(given[way]) for way in STORAGE_WAYS if given.get(way))
    if given.get("connectionString"):
        endpoint = _blob_endpoint(home, endpoint)
    if endpoint.split("?")[0].rstrip("/") != home.blob_url:
        raise ActivityFailedError(
            "2502",
            "Cannot access user storage account; please check storage account settings."
            f" '{name}' is not {home.blob_url}, the storage account of this cloud.",
        )


def check_batch(name: str, properties: Json, account: str, pool: str) -> str:
    """The linked service of the Batch account's storage.

    account and pool name those of this cloud. Raises ActivityFailedError when the linked service names
    others.
    """
    if properties["type"] != "AzureBatch":
        raise ActivityFailedError("2110", f"The linked service type '{properties['type']}' is not supported.")
    given = properties["typeProperties"]
    if not str(given["batchUri"]).startswith("https://"):
        message = f"Batch url {given['batchUri']} is invalid; it must be in Uri format."
        raise ActivityFailedError("2509", message)
    if (given["accountName"], given["poolName"]) != (account, pool):
        raise ActivityFailedError(
            "2501",
            "Cannot access user batch account; please check batch account settings."
            f" '{name}' names account {given['accountName']!r} and pool {given['poolName']!r};"
            f" this cloud has '{account}' and '{pool}'.",
        )
    return str(given["linkedServiceName"]["referenceName"])


def _plain(value: Any) -> str:
    return str(value.get("value", "")) if isinstance(value, dict) else str(value)


def _blob_endpoint(home: Home, connection_string: str) -> str:
    pairs = (part.partition("=") for part in connection_string.split(";"))
    parts = {key.strip().lower(): value for key, _, value in pairs}
    if "blobendpoint" in parts:
        return parts["blobendpoint"]
    return home.blob_url if parts.get("accountname") == STORAGE_ACCOUNT else connection_string
