"""The definitions of linked services and credentials: what the factory accepts, and their secrets.

Sources: "Compute environments supported by Azure Data Factory"; "Copy and transform data in Azure Blob
Storage"; "Store credentials in Azure Key Vault"; Bicep types Microsoft.DataFactory/factories/linkedservices
and …/credentials, 2018-06-01.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from localcloud.datafactory.definitions import Json
from localcloud.datafactory.errors import BadRequestError
from localcloud.datafactory.reading import reference
from localcloud.wire import not_imitated

MASK = "**********"
SECRET_IN_CONNECTION_STRING = re.compile(r"((?:AccountKey|SharedAccessSignature)=)[^;]+", re.IGNORECASE)
STORAGE_WAYS = ("connectionString", "sasUri", "serviceEndpoint")
BATCH_NEEDS = ("accountName", "batchUri", "poolName", "linkedServiceName")


@dataclass(frozen=True)
class Reference:
    """What a definition refers to, by the type of the reference and the name."""

    type: Literal["LinkedServiceReference", "CredentialReference"]
    name: str


def check(name: str, properties: Json) -> list[Reference]:
    """What a linked service refers to.

    Raises BadRequestError for a definition that lacks something, AzureError 501 for a type that is left out.
    """
    type_, given = properties.get("type"), properties.get("typeProperties")
    checks = {"AzureBlobStorage": check_storage, "AzureBatch": check_batch, "AzureKeyVault": check_vault}
    if type_ not in checks:
        raise not_imitated(f"linked services of type '{type_}'")
    if not isinstance(given, dict):
        raise BadRequestError(f"The linked service '{name}' needs typeProperties.", name)
    for key in ("parameters", "connectVia"):
        if properties.get(key):
            raise not_imitated(f"'{key}' of linked services (linked service '{name}')")
    own = [credential_reference(given["credential"], name)] if given.get("credential") else []
    return [*own, *checks[type_](name, given)]


def check_storage(name: str, given: Json) -> list[Reference]:
    ways = [way for way in STORAGE_WAYS if given.get(way)]
    if len(ways) != 1:
        raise BadRequestError(
            f"'{name}' needs exactly one of {', '.join(STORAGE_WAYS)}; it has {ways}.", name
        )
    if given.get("credential") and ways != ["serviceEndpoint"]:
        raise BadRequestError(f"The credential of '{name}' needs a serviceEndpoint, not {ways[0]}.", name)
    return secrets_of(name, given, ("accountKey", "sasToken"))


def check_batch(name: str, given: Json) -> list[Reference]:
    for key in BATCH_NEEDS:
        if not given.get(key):
            raise BadRequestError(f"The AzureBatch linked service '{name}' needs {key}.", name)
    if given.get("credential") and given.get("accessKey"):
        raise BadRequestError(f"'{name}' has an accessKey and a credential: one of them is expected.", name)
    storage = Reference("LinkedServiceReference", reference(given["linkedServiceName"], name))
    return [storage, *secrets_of(name, given, ("accessKey",))]


def check_vault(name: str, given: Json) -> list[Reference]:
    if not str(given.get("baseUrl") or "").startswith("https://"):
        raise BadRequestError(f"The AzureKeyVault linked service '{name}' needs a baseUrl of https.", name)
    return []


def secrets_of(name: str, given: Json, keys: tuple[str, ...]) -> list[Reference]:
    """The linked services of the vaults that hold secrets of a definition."""
    found = []
    for key in keys:
        value = given.get(key)
        if not isinstance(value, dict):
            continue
        if value.get("type") == "AzureKeyVaultSecret":
            if not value.get("secretName"):
                raise BadRequestError(f"{key} of '{name}' needs a secretName.", name)
            found.append(Reference("LinkedServiceReference", reference(value.get("store"), name)))
        elif value.get("type") != "SecureString":
            raise BadRequestError(f"{key} of '{name}' is a SecureString or an AzureKeyVaultSecret.", name)
    return found


def credential_reference(given: Any, target: str) -> Reference:
    name = given.get("referenceName") if isinstance(given, dict) else None
    if not isinstance(name, str) or not name or given.get("type") != "CredentialReference":
        raise BadRequestError(
            f"The credential of '{target}' needs a referenceName, and the type CredentialReference.", target
        )
    return Reference("CredentialReference", name)


def check_credential(name: str, properties: Json) -> str:
    """The resource id of the identity that a credential names.

    Raises BadRequestError for one that names none, AzureError 501 for other kinds of credential.
    """
    if properties.get("type") != "ManagedIdentity":
        raise not_imitated(f"credentials of type '{properties.get('type')}'")
    identity = (properties.get("typeProperties") or {}).get("resourceId")
    if not isinstance(identity, str) or not identity:
        raise BadRequestError(f"The credential '{name}' needs the resourceId of an identity.", name)
    return identity


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
