"""Vaults, with roles instead of access policies.

Sources: "Vaults - Create Or Update" of the Key Vault management API; "Azure Key Vault soft-delete overview".
"""

from localcloud.keyvault import deleted
from localcloud.providers.kinds import Kind, Name, Sent
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import AzureError, not_imitated

VAULT = "Microsoft.KeyVault/vaults"
INVALID_NAME = (
    "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The"
    " name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow"
    " this link for more information: https://go.microsoft.com/fwlink/?linkid=2147742"
)


RETENTION = 90
"""The days for which a deleted vault is kept, unless its creation says otherwise."""


def check(cloud: Cloud, sent: Sent) -> None:
    """Raise AzureError for a taken name, for what cannot be switched off, and 501 for access policies."""
    if str(sent.properties.get("createMode")).lower() == "recover":
        raise not_imitated("recovering a deleted vault: purge it, and create another")
    deleted.refuse_name(cloud, sent.name)
    for each in cloud.inventory.all(VAULT):
        if each["name"].lower() == sent.name.lower() and each["id"].lower() != sent.id.lower():
            message = (
                f"The vault name '{sent.name}' is already in use. Vault names are globally unique so it is"
                " possible that the name is already taken."
            )
            raise AzureError(409, "VaultAlreadyExists", message)
    given = sent.properties
    for name in ("enableSoftDelete", "enablePurgeProtection"):
        if given.get(name) is False:
            message = f'The property "{name}" cannot be set to false: it is irreversible.'
            raise AzureError(400, "BadRequest", message, target=f"properties.{name}")
    if given.get("enableRbacAuthorization") is not True:
        raise not_imitated("access policies of vaults: set enableRbacAuthorization")


def computed(cloud: Cloud, document: Document) -> Document:
    given = document["properties"]
    return {
        "vaultUri": cloud.home.key_vault_url(document["name"]),
        "provisioningState": "Succeeded",
        "accessPolicies": given.get("accessPolicies", []),
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": given.get("softDeleteRetentionInDays", RETENTION),
        "publicNetworkAccess": given.get("publicNetworkAccess", "Enabled"),
    }


KIND = Kind(
    VAULT,
    ("2019-09-01", "2026-02-01"),
    Name(r"(?=.{3,24}$)[A-Za-z](-?[A-Za-z0-9])*", "", "VaultNameNotValid", INVALID_NAME),
    required=(
        *("properties", "properties.tenantId", "properties.sku"),
        *("properties.sku.name", "properties.sku.family"),
    ),
    choices={"properties.sku.name": ("standard", "premium"), "properties.sku.family": ("A",)},
    ranges={"properties.softDeleteRetentionInDays": (7, 90)},
    fixed={"properties.softDeleteRetentionInDays": RETENTION},
    read_only=("properties.vaultUri",),
    computed=computed,
    check=check,
    going=deleted.keep,
)
