"""A deployment that keeps in memory what was deployed, and answers for nothing else."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scripts.bicep_compiler import Place

DEPLOYER = "dddddddd-0000-0000-0000-000000000000"


def guid(*parts: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(parts)))


def of_storage(name: str) -> dict[str, Any]:
    services = ("blob", "queue", "table")
    return {"primaryEndpoints": {each: f"https://{name}.{each}.core.test/" for each in services}}


PROPERTIES: dict[str, Callable[[str], dict[str, Any]]] = {
    "microsoft.batch/batchaccounts": lambda name: {"accountEndpoint": f"{name}.batch.test"},
    "microsoft.eventgrid/topics": lambda name: {"endpoint": f"https://{name}.eventgrid.test/api/events"},
    "microsoft.insights/components": lambda name: {"ConnectionString": f"InstrumentationKey={guid(name)}"},
    "microsoft.keyvault/vaults": lambda name: {"vaultUri": f"https://{name}.vault.test/"},
    "microsoft.machinelearningservices/workspaces": lambda name: {"workspaceId": guid(name, "workspace")},
    "microsoft.managedidentity/userassignedidentities": lambda name: {
        "principalId": guid(name, "principal"),
        "clientId": guid(name, "client"),
    },
    "microsoft.storage/storageaccounts": of_storage,
    "microsoft.web/sites": lambda name: {"defaultHostName": f"{name}.sites.test"},
}
"""By type in lower case, what a resource knows once it is deployed."""
KEYS: dict[str, dict[str, Any]] = {
    "microsoft.batch/batchaccounts": {"primary": "key-of-batch"},
    "microsoft.storage/storageaccounts": {"keys": [{"keyName": "key1", "value": "key-of-storage"}]},
}


@dataclass
class Memory:
    """deployed: the resources by their ids in lower case."""

    deployed: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscription: str = Place().subscription
    resource_group: str | None = None

    def put(self, resource: dict[str, Any]) -> None:
        """Deploy a resource. Raises ValueError if its id is taken."""
        if resource["id"].lower() in self.deployed:
            raise ValueError(f"{resource['id']} was deployed before")
        self.deployed[resource["id"].lower()] = resource

    def environment(self) -> dict[str, Any]:
        return {
            "resourceManager": "https://management.test/",
            "authentication": {"loginEndpoint": "https://login.test/"},
            "suffixes": {"storage": "core.test"},
        }

    def deployer(self) -> dict[str, Any]:
        return {"objectId": DEPLOYER, "tenantId": Place().tenant}

    def reference(self, resource: str, api_version: str | None, full: bool) -> dict[str, Any]:
        """Raises KeyError for a resource that was not deployed, or is asked for by another version."""
        found = self.deployed[resource.lower()]
        if full or api_version != found["apiVersion"]:
            raise KeyError(f"{resource} was deployed by {found['apiVersion']}, not by {api_version}")
        return PROPERTIES[found["type"].lower()](found["name"])

    def list_keys(self, resource: str, api_version: str) -> dict[str, Any]:
        self.reference(resource, api_version, False)
        return KEYS[self.deployed[resource.lower()]["type"].lower()]
