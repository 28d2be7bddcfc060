"""Claims about access: nothing is public, and keys exist in the fallback only."""

import json
import re
from collections.abc import Iterator

from tests.bicep.deployed import Deployed

STORAGE: dict[str, object] = {
    "accessTier": "Hot",
    "allowBlobPublicAccess": False,
    "allowCrossTenantReplication": False,
    "defaultToOAuthAuthentication": True,
    "minimumTlsVersion": "TLS1_2",
    # Nodes and services reach the accounts without a network of their own, and by roles only.
    "publicNetworkAccess": "Enabled",
    "supportsHttpsTrafficOnly": True,
}
KEYLESS: dict[str, dict[str, object]] = {
    "Microsoft.EventGrid/topics": {"disableLocalAuth": True},
    "Microsoft.OperationalInsights/workspaces": {"features": {"disableLocalAuth": True}},
    "Microsoft.Insights/components": {"DisableLocalAuth": True},
    "Microsoft.ContainerRegistry/registries": {"adminUserEnabled": False, "anonymousPullEnabled": False},
    "Microsoft.KeyVault/vaults": {"enableRbacAuthorization": True, "enableSoftDelete": True},
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"allow": False},
    "Microsoft.Web/sites": {"httpsOnly": True},
    "Microsoft.MachineLearningServices/workspaces": {"systemDatastoresAuthMode": "Identity"},
    "Microsoft.MachineLearningServices/workspaces/computes": {"disableLocalAuth": True},
}
"""Properties without which a service would accept a key or a password."""
KEYS = "|".join(
    (
        r"storageAccounts/stdata', '[-0-9]+'\)\.keys\[0\]\.value",
        r"batchAccounts/ba', '[-0-9]+'\)\.primary",
    )
)
PUBLIC = {
    "Microsoft.Batch/batchAccounts",
    "Microsoft.DataFactory/factories",
    "Microsoft.EventGrid/topics",
    "Microsoft.KeyVault/vaults",
    "Microsoft.MachineLearningServices/workspaces",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Web/sites",
}
"""Services that must say that they have a public address: docs/deploy.md, "Networks"."""
READS_KEYS = re.compile(r"\blist\w*\(|AccountKey=|SharedAccessSignature", re.IGNORECASE)


def has_keys(deployed: Deployed) -> bool:
    return deployed.given.get("batchAuthentication") == "KeyVault"


def storage_is_neither_public_nor_keyed(deployed: Deployed) -> Iterator[str]:
    accounts = deployed.of("Microsoft.Storage/storageAccounts")
    if len(accounts) != 2 * deployed.is_main:
        yield f"{len(accounts)} storage accounts"
    for each in accounts:
        keyed = has_keys(deployed) and each["name"].startswith("stdata")
        for name, wanted in {**STORAGE, "allowSharedKeyAccess": keyed}.items():
            if each["properties"].get(name) != wanted:
                yield f"{each['name']}: {name} is {each['properties'].get(name)}, not {wanted}"


def no_container_is_public(deployed: Deployed) -> Iterator[str]:
    for each in deployed.of("Microsoft.Storage/storageAccounts/blobServices/containers"):
        if each["properties"].get("publicAccess") != "None":
            yield f"{each['name']} has the public access {each['properties'].get('publicAccess')}"


def services_accept_tokens_only(deployed: Deployed) -> Iterator[str]:
    for kind, wanted in KEYLESS.items():
        found = deployed.of(kind)
        if deployed.is_main and not found and not kind.endswith("/computes"):
            yield f"there is no {kind}"
        for each in found:
            for name, value in wanted.items():
                if each["properties"].get(name) != value:
                    yield f"{each['name']}: {name} is {each['properties'].get(name)}, not {value}"
    modes = ["AAD", "SharedKey"] if has_keys(deployed) else ["AAD"]
    for each in deployed.of("Microsoft.Batch/batchAccounts"):
        if each["properties"].get("allowedAuthenticationModes") != modes:
            yield f"Batch allows {each['properties'].get('allowedAuthenticationModes')}, not {modes}"


def services_have_a_public_address(deployed: Deployed) -> Iterator[str]:
    for each in deployed.resources:
        access = each.get("properties", {}).get("publicNetworkAccess")
        if access != ("Enabled" if each["type"] in PUBLIC else None):
            yield f"{each['name']} has the public network access {access}"


def keys_are_read_for_the_vault_only(deployed: Deployed) -> Iterator[str]:
    secrets = [each["name"].rpartition("/")[2] for each in deployed.of("Microsoft.KeyVault/vaults/secrets")]
    wanted = ["batch-key", "data-storage-key"] if has_keys(deployed) else []
    if sorted(secrets) != wanted:
        yield f"secrets {secrets} instead of {wanted}"
    for each in deployed.resources:
        is_secret = each["type"] == "Microsoft.KeyVault/vaults/secrets"
        if READS_KEYS.search(json.dumps(each)) and not is_secret:
            yield f"{each['id']} reads a key"
        value = deployed.plain(each)["properties"].get("value", "") if is_secret else ""
        if is_secret and not re.fullmatch(rf"\[listKeys\('[\w.]+/({KEYS})\]", value):
            yield f"{each['name']} holds {value}"


CLAIMS = [
    storage_is_neither_public_nor_keyed,
    no_container_is_public,
    services_accept_tokens_only,
    services_have_a_public_address,
    keys_are_read_for_the_vault_only,
]
