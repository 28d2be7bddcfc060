"""Reads a secret of a key vault, as an identity.

Sources: for the words of a vault that refuses, piyushsachdeva/Terraform_AKS#2; for those that Data Factory
puts before them, microsoft/MCW-Azure-Synapse-Analytics-and-AI#97.
"""

from localcloud.access.calls import Call
from localcloud.access.decisions import Refused
from localcloud.home import TENANT
from localcloud.identities import Principal
from localcloud.service import Cloud
from localcloud.store import Document

VAULT = "Microsoft.KeyVault/vaults"
GET_SECRET = f"{VAULT}/secrets/getSecret/action"


class VaultError(Exception):
    """A secret could not be read; the text is Data Factory's."""


def secret(cloud: Cloud, principal: Principal, url: str, name: str) -> str:
    """The newest value of a secret in the vault at `url`. Raises VaultError."""
    found = [
        each
        for each in cloud.inventory.all(VAULT)
        if cloud.home.key_vault_url(each["name"]).rstrip("/") == url.rstrip("/").lower()
    ]
    if not found:
        raise failed(url, name, f"there is no vault at {url}")
    id_ = f"{found[0]['id']}/secrets/{name}"
    call = Call(principal.object_id, GET_SECRET, id_, is_data=True, client=principal.client_id)
    if isinstance(cloud.access.decide(call), Refused):
        raise failed(url, name, forbidden(principal, id_, found[0]))
    versions = cloud.inventory.secrets(id_).get("versions") if cloud.inventory.get(id_) else None
    if not versions:
        raise failed(url, name, f"A secret with (name/id) {name} was not found in this key vault.")
    return str(versions[-1]["value"])


def failed(url: str, name: str, reason: str) -> VaultError:
    return VaultError(
        f"Failed to get the secret from key vault, secretName: {name}, secretVersion: , vaultBaseUrl: {url}."
        f" The error message is: {reason}"
    )


def forbidden(principal: Principal, id_: str, vault: Document) -> str:
    caller = f"appid={principal.client_id};oid={principal.object_id};iss=https://sts.windows.net/{TENANT}/"
    return (
        "Caller is not authorized to perform action on resource. If role assignments, deny assignments or"
        " role definitions were changed recently, please observe propagation time."
        f" Caller: {caller} Action: '{GET_SECRET}' Resource: '{id_}' Assignment: (not found)"
        f" DecisionReason: 'DeniedWithNoValidRBAC' Vault: {vault['name']};location={vault.get('location')}"
    )
