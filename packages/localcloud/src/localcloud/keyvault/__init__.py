"""Key Vault: vaults and secrets in Resource Manager, and the secrets that a vault hands out by role.

vaults.py and secrets.py are the types; deleted.py has the vaults in soft delete; data_plane.py answers at `https://<vault>.vault.<suffix>`.
"""

from localcloud.keyvault import data_plane, deleted, secrets, vaults
from localcloud.providers import resources
from localcloud.service import Cloud, Service


def service(cloud: Cloud) -> Service:
    managed = [*resources.routes(cloud, vaults.KIND), *resources.routes(cloud, secrets.KIND)]
    return Service("keyvault", [data_plane.route(cloud), *deleted.routes(cloud), *managed])
