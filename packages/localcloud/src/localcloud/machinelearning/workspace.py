"""The workspace and its datastores: there from the start, not changed by anyone.

Sources: "Workspaces - Get", "Datastores - Get"; the bodies as azure-ai-ml 1.35 reads them.
"""

from typing import Any

from localcloud.home import (
    DATASTORE,
    LOOPBACK,
    REGION,
    RESOURCE_GROUP,
    STORAGE_ACCOUNT,
    SUBSCRIPTION,
    TENANT,
    WORKSPACE,
    WORKSPACE_ID,
    Home,
)
from localcloud.machinelearning.uris import DATASTORES, PROVIDER, WORKSPACE_PATH

CREATED = {
    "createdAt": "2026-01-01T00:00:00.000000Z",
    "createdBy": "localcloud",
    "createdByType": "Application",
    "lastModifiedAt": "2026-01-01T00:00:00.000000Z",
    "lastModifiedBy": "localcloud",
    "lastModifiedByType": "Application",
}


def storage_account_id() -> str:
    return (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
        f"/providers/Microsoft.Storage/storageAccounts/{STORAGE_ACCOUNT}"
    )


def workspace(home: Home) -> dict[str, Any]:
    host = f"{LOOPBACK}:{home.ports.arm}"
    return {
        "id": WORKSPACE_PATH,
        "name": WORKSPACE,
        "type": f"{PROVIDER}/workspaces",
        "location": REGION,
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "tags": {},
        "identity": {"type": "SystemAssigned", "tenantId": TENANT},
        "properties": {
            "friendlyName": WORKSPACE,
            "workspaceId": WORKSPACE_ID,
            "tenantId": TENANT,
            "storageAccount": storage_account_id(),
            "discoveryUrl": f"{home.resource_manager}/discovery",
            "mlFlowTrackingUri": f"azureml://{host}/mlflow/v1.0{WORKSPACE_PATH}",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "systemDatastoresAuthMode": "identity",
            "v1LegacyMode": False,
            "hbiWorkspace": False,
        },
        "systemData": CREATED,
    }


def discovery(home: Home) -> dict[str, str]:
    """Where a workspace's other services are: here, all of them behind one address."""
    services = ("api", "experimentation", "history", "hyperdrive", "labeling", "modelmanagement", "pipelines")
    return dict.fromkeys(services, home.resource_manager) | {"studio": "https://ml.azure.com"}


def datastore(home: Home, name: str) -> dict[str, Any] | None:
    container = DATASTORES.get(name.lower())
    if container is None:
        return None
    return {
        "id": f"{WORKSPACE_PATH}/datastores/{name.lower()}",
        "name": name.lower(),
        "type": f"{PROVIDER}/workspaces/datastores",
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": STORAGE_ACCOUNT,
            "containerName": container,
            "endpoint": f"{LOOPBACK}:{home.ports.blob}",
            "protocol": "https",
            "credentials": {"credentialsType": "None"},
            "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity",
            "isDefault": name.lower() == DATASTORE,
            "description": None,
            "tags": {},
            "properties": {},
            "subscriptionId": SUBSCRIPTION,
            "resourceGroup": RESOURCE_GROUP,
        },
        "systemData": CREATED,
    }
