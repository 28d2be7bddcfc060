"""Key Vault: vaults and secrets in Resource Manager."""

from localcloud.keyvault import secrets, vaults
from localcloud.providers import resources
from localcloud.service import Cloud, Service


def service(cloud: Cloud) -> Service:
    return Service(
        "keyvault", [*resources.routes(cloud, vaults.KIND), *resources.routes(cloud, secrets.KIND)]
    )
