"""The workspace and its datastores, as Resource Manager shows them.

Sources: "Workspaces - Get", "Datastores - Get"; the bodies as azure-ai-ml 1.35 reads them.
"""

from typing import Any

from localcloud.home import REGION, SUBSCRIPTION, TENANT, Home
from localcloud.inventory import DATASTORE, WORKSPACE
from localcloud.machinelearning.errors import invalid
from localcloud.machinelearning.uris import DEFAULT_DATASTORE, Workspace
from localcloud.wire import not_imitated

CREATED = {
    "createdAt": "2026-01-01T00:00:00.000000Z",
    "createdBy": "localcloud",
    "createdByType": "Application",
    "lastModifiedAt": "2026-01-01T00:00:00.000000Z",
    "lastModifiedBy": "localcloud",
    "lastModifiedByType": "Application",
}


def workspace(home: Home, own: Workspace) -> dict[str, Any]:
    host = home.resource_manager.removeprefix("https://")
    found = own.inventory.one(WORKSPACE)
    assert found is not None
    return {
        "location": REGION,
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "tags": {},
        **found,
        "properties": {
            "friendlyName": own.name,
            "publicNetworkAccess": "Enabled",
            "v1LegacyMode": False,
            "hbiWorkspace": False,
            "systemDatastoresAuthMode": "AccessKey",
            **found["properties"],
            "workspaceId": own.guid,
            "tenantId": TENANT,
            "discoveryUrl": f"{home.resource_manager}/discovery",
            "mlFlowTrackingUri": f"azureml://{host}/mlflow/v1.0{own.path}",
            "provisioningState": "Succeeded",
        },
        "systemData": CREATED,
    }


def check_datastore(own: Workspace, name: str, properties: dict[str, Any]) -> None:
    """Raises AzureError 400 for a datastore without a container, 501 for one outside Azurite."""
    if str(properties.get("datastoreType")).lower() != "azureblob":
        raise not_imitated(f"datastores of type {properties.get('datastoreType')!r}: AzureBlob only")
    if str(properties.get("accountName")).lower() != own.account:
        raise not_imitated(
            f"the datastore '{name}' outside the storage account of the workspace, {own.account}"
        )
    if not isinstance(properties.get("containerName"), str) or not properties["containerName"]:
        raise invalid(f"The datastore '{name}' needs a containerName.", "containerName")


def discovery(home: Home) -> dict[str, str]:
    """Where a workspace's other services are: here, all of them behind one address."""
    services = ("api", "experimentation", "history", "hyperdrive", "labeling", "modelmanagement", "pipelines")
    return dict.fromkeys(services, home.resource_manager) | {"studio": "https://ml.azure.com"}


def datastore(home: Home, own: Workspace, name: str) -> dict[str, Any] | None:
    container = own.datastores.get(name.lower())
    if container is None:
        return None
    return {
        "id": f"{own.path}/datastores/{name.lower()}",
        "name": name.lower(),
        "type": DATASTORE,
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": own.account,
            "containerName": container,
            "endpoint": f"core.{home.suffix}",
            "protocol": "https",
            "credentials": {"credentialsType": "None"},
            "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity",
            "isDefault": name.lower() == DEFAULT_DATASTORE,
            "description": None,
            "tags": {},
            "properties": {},
            "subscriptionId": SUBSCRIPTION,
            "resourceGroup": own.inventory.group,
        },
        "systemData": CREATED,
    }
