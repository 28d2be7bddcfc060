"""The resources that the clouds of these tests serve, for an app that does not exist."""

from typing import Any

from localcloud import roles
from localcloud.access.decisions import Access
from localcloud.home import REGION, SUBSCRIPTION, TENANT, Home
from localcloud.identities import PLATFORM, Principal, Type, object_id_of
from localcloud.inventory import Inventory
from localcloud.persons import person
from localcloud.spec import Resource
from localcloud.storage import policy
from localcloud.store import Store
from localcloud.tokens import Tokens

RESOURCE_GROUP = "lab"
WORKSPACE = "models"
STORAGE_ACCOUNT = "storageoftests"
ACCOUNT_KEY = "a2V5LW9mLXRlc3Rz"
"""A key that the account has where keep_key() was called before the cloud starts."""
CONTAINER = "uploads-of-tests"
FACTORY = "factory-of-tests"
BATCH_ACCOUNT = "batches"
POOL = "workers"
TOPIC = "news"
SITE = "app"
DEAD_LETTERS = "deadletter"

GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
STORAGE_ID = f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/{STORAGE_ACCOUNT}"
WORKSPACE_PATH = f"{GROUP_ID}/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
FACTORY_ID = f"{GROUP_ID}/providers/Microsoft.DataFactory/factories/{FACTORY}"
BATCH_ID = f"{GROUP_ID}/providers/Microsoft.Batch/batchAccounts/{BATCH_ACCOUNT}"
TOPIC_ID = f"{GROUP_ID}/providers/Microsoft.EventGrid/topics/{TOPIC}"
SYSTEM_TOPIC_ID = f"{GROUP_ID}/providers/Microsoft.EventGrid/systemTopics/uploads"
SITE_ID = f"{GROUP_ID}/providers/Microsoft.Web/sites/{SITE}"

WORKER_ID = f"{GROUP_ID}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker-of-pool"
"""The identity of the factory, the Batch account and its pool."""
CARRYING = {"type": "UserAssigned", "userAssignedIdentities": {WORKER_ID: {}}}
CREDENTIAL = {"referenceName": "worker", "type": "CredentialReference"}
DATA_ROLES = (
    "Storage Blob Data Owner",
    "Storage Queue Data Contributor",
    "Storage Table Data Contributor",
    "EventGrid Data Sender",
)
"""What the tests' person, site and pool may do beside what an Owner may."""

Json = dict[str, Any]

STORAGE: Json = {"location": REGION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}


def resources(home: Home) -> list[Resource]:
    """A resource group with one resource of each type, but no event subscriptions."""
    reference = {"referenceName": "storage", "type": "LinkedServiceReference"}
    batch = {
        "accountName": BATCH_ACCOUNT,
        "batchUri": f"https://{home.batch_host(BATCH_ACCOUNT, REGION)}",
        "poolName": POOL,
        "linkedServiceName": reference,
        "credential": CREDENTIAL,
    }
    return [
        Resource(GROUP_ID, {"location": REGION}, "2024-03-01"),
        Resource(STORAGE_ID, STORAGE, "2025-08-01"),
        resource(f"{STORAGE_ID}/blobServices/default/containers/{DEAD_LETTERS}", "2025-08-01"),
        *workspace(WORKSPACE_PATH),
        Resource(FACTORY_ID, {"location": REGION, "identity": CARRYING, "properties": {}}, "2018-06-01"),
        resource(
            f"{FACTORY_ID}/credentials/worker",
            "2018-06-01",
            type="ManagedIdentity",
            typeProperties={"resourceId": WORKER_ID},
        ),
        # It precedes the resource to which it refers: the order of the list does not matter.
        resource(f"{FACTORY_ID}/linkedservices/batch", "2018-06-01", type="AzureBatch", typeProperties=batch),
        resource(
            f"{FACTORY_ID}/linkedservices/storage",
            "2018-06-01",
            type="AzureBlobStorage",
            typeProperties={"serviceEndpoint": blob_url(home), "credential": CREDENTIAL},
        ),
        Resource(BATCH_ID, batch_account(), "2025-06-01"),
        Resource(WORKER_ID, {"location": REGION}, "2024-11-30"),
        Resource(
            f"{BATCH_ID}/pools/{POOL}",
            {"identity": CARRYING, "properties": pool()},
            "2025-06-01",
        ),
        resource(TOPIC_ID, "2025-02-15", disableLocalAuth=True),
        Resource(
            SYSTEM_TOPIC_ID,
            {"location": REGION, "identity": CARRYING, "properties": {"source": STORAGE_ID}},
            "2025-02-15",
        ),
        Resource(
            SITE_ID,
            {"location": REGION, "identity": {"type": "SystemAssigned"}, "properties": {}},
            "2024-11-01",
        ),
        *(assigned(role, object_id_of(SITE_ID)) for role in DATA_ROLES),
        *(assigned(role, object_id_of(WORKER_ID)) for role in (*DATA_ROLES, "Azure Batch Data Contributor")),
        assigned("Storage Blob Data Contributor", object_id_of(WORKSPACE_PATH)),
        *(assigned(role, person("person").object_id, "User") for role in DATA_ROLES),
    ]


def blob_url(home: Home) -> str:
    return home.storage_url(STORAGE_ACCOUNT)


def keep_key(home: Home) -> None:
    """Give the account a key that is known, and let storage know both before there is a cloud."""
    store = Store(home.root / "cloud.sqlite")
    Inventory(store).keep_secrets(STORAGE_ID, {"seed": "0" * 32, "keys": [ACCOUNT_KEY, ACCOUNT_KEY]})
    store.close()
    account = policy.Account(STORAGE_ID, (ACCOUNT_KEY,))
    policy.write(home, Tokens(home).public_key, [account], Access([]), PLATFORM.object_id)


def batch_account(storage: str = STORAGE_ID, identity: str = WORKER_ID) -> Json:
    """An account without keys, as a Custom activity can use it without keys."""
    return {
        "location": REGION,
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
        "properties": {
            "allowedAuthenticationModes": ["AAD"],
            "autoStorage": {
                "storageAccountId": storage,
                "authenticationMode": "BatchAccountManagedIdentity",
                "nodeIdentityReference": {"resourceId": identity},
            },
        },
    }


def pool() -> Json:
    """One node, of the smallest size on which two tasks run at once."""
    image = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404", "version": "latest"}
    machine = {"imageReference": image, "nodeAgentSkuId": "batch.node.ubuntu 24.04"}
    return {
        "vmSize": "Standard_D2s_v5",
        "deploymentConfiguration": {"virtualMachineConfiguration": machine},
        "taskSlotsPerNode": 2,
        "scaleSettings": {"fixedScale": {"targetDedicatedNodes": 1}},
    }


def assigned(role: str, principal: str, type_: Type = "ServicePrincipal", scope: str = GROUP_ID) -> Resource:
    """An assignment of a built-in role to a principal, by object id."""
    return roles.assigned(role, scope, Principal(principal, "", "", type_))


def workspace(id_: str, storage: str = STORAGE_ID) -> list[Resource]:
    """A workspace and the other resources that it needs."""
    providers = f"{id_.partition('/providers/')[0]}/providers"
    logs = f"{providers}/Microsoft.OperationalInsights/workspaces/logs"
    insights = f"{providers}/Microsoft.Insights/components/insights"
    vault = f"{providers}/Microsoft.KeyVault/vaults/vault-of-tests"
    web = {"Application_Type": "web", "WorkspaceResourceId": logs}
    sku = {"family": "A", "name": "standard"}
    return [
        resource(logs, "2025-07-01"),
        Resource(insights, {"location": REGION, "kind": "web", "properties": web}, "2020-02-02"),
        resource(vault, "2025-05-01", tenantId=TENANT, sku=sku, enableRbacAuthorization=True),
        resource(id_, "2026-03-01", storageAccount=storage, keyVault=vault, applicationInsights=insights),
    ]


def resource(id_: str, api_version: str, **properties: Any) -> Resource:
    return Resource(id_, {"location": REGION, "properties": properties}, api_version)


def subscription(name: str, topic: str = SYSTEM_TOPIC_ID, **properties: Any) -> Resource:
    return resource(f"{topic}/eventSubscriptions/{name}", "2025-02-15", **properties)


def webhook(url: str, **batches: int) -> Json:
    return {"endpointType": "WebHook", "properties": {"endpointUrl": url, **batches}}


def function(name: str) -> Json:
    return {"endpointType": "AzureFunction", "properties": {"resourceId": f"{SITE_ID}/functions/{name}"}}


def dead_letters(identity: str = WORKER_ID) -> Json:
    """A place for dead letters, to which Event Grid writes as a user-assigned identity."""
    place = {"resourceId": STORAGE_ID, "blobContainerName": DEAD_LETTERS}
    return {
        "identity": {"type": "UserAssigned", "userAssignedIdentity": identity},
        "deadLetterDestination": {"endpointType": "StorageBlob", "properties": place},
    }
