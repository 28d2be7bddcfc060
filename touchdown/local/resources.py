"""The resources that Touchdown defines on a localcloud, with the names and settings of this machine.

Filters and retry policies are those that Bicep deploys, bicep/definitions/subscriptions.json.
"""

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path

from localcloud.home import SUBSCRIPTION, TENANT, Home
from localcloud.identities import client_id_of
from localcloud.spec import CloudSpec, Json, Resource

from touchdown.local.names import (
    BATCH_ID,
    CONTAINER,
    DATASTORE,
    DEAD_LETTERS,
    FACTORY,
    FACTORY_ID,
    GROUP_ID,
    POOL,
    RESOURCE_GROUP,
    SITE_ID,
    STORAGE_ID,
    SYSTEM_TOPIC_ID,
    TOPIC,
    TOPIC_ID,
    WORKSPACE,
    WORKSPACE_PATH,
    identity_id,
)
from touchdown.local.roles import assignments, carrying, identities
from touchdown.local.snapshots import TUNABLE
from touchdown.local.trainer_environment import environment_mark, published_files

TRAINER_ENVIRONMENT = ".venv-trainer"
TASK_SLOTS = 2
START_TASK = (
    """/bin/bash -c 'set -eu; script=$(printf %s "$START_TASK" | base64 --decode); """
    """test -n "$script"; exec /bin/bash -c "$script"'"""
)
REGION = "localcloud"


def spec(home: Home, checkout: Path, *, ready_environment: bool = True) -> CloudSpec:
    """Touchdown's app in `checkout`, with everything that it needs of the cloud in `home`.

    Batch nodes use the checkout's .venv-trainer if `make setup` made it and `ready_environment` is true;
    otherwise the cloud makes an environment from trainer/requirements.txt.
    """
    environment = checkout / TRAINER_ENVIRONMENT
    made = any(environment.glob("lib/python3.*/site-packages/mlflow/__init__.py"))
    return CloudSpec(
        resources=resources(home, checkout),
        app=checkout,
        node_environment=environment if made and ready_environment else None,
        node_requirements=checkout / "trainer" / "requirements.txt",
        node_environment_mark=environment_mark(published_files(checkout)),
    )


def resources(home: Home, checkout: Path) -> list[Resource]:
    """The resource group and everything in it, except for what `publish` adds."""
    return [
        Resource(GROUP_ID, {"location": REGION}, "2024-03-01"),
        *identities(REGION),
        Resource(
            STORAGE_ID,
            {"location": REGION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}},
            "2025-08-01",
        ),
        *workspace(),
        *(
            Resource(f"{STORAGE_ID}/blobServices/default/containers/{name}", {"properties": {}}, "2025-08-01")
            for name in (CONTAINER, DEAD_LETTERS)
        ),
        Resource(
            FACTORY_ID,
            {"location": REGION, "identity": carrying("training"), "properties": {}},
            "2018-06-01",
        ),
        Resource(
            BATCH_ID,
            {"location": REGION, "identity": carrying("training"), "properties": batch_account()},
            "2025-06-01",
        ),
        Resource(
            f"{BATCH_ID}/pools/{POOL}",
            {"identity": carrying("training"), "properties": pool(home, checkout)},
            "2025-06-01",
        ),
        Resource(TOPIC_ID, {"location": REGION, "properties": {"disableLocalAuth": True}}, "2025-02-15"),
        Resource(SYSTEM_TOPIC_ID, {"location": REGION, "properties": {"source": STORAGE_ID}}, "2025-02-15"),
        *assignments(),
        Resource(
            SITE_ID,
            {
                "location": REGION,
                "kind": "functionapp,linux",
                "identity": carrying("app"),
                "properties": {},
            },
            "2024-11-01",
        ),
        site_settings(home, os.environ),
        *event_subscriptions(checkout),
    ]


def workspace() -> list[Resource]:
    """The workspace and the resources that it needs, beside its storage account."""
    logs = f"{GROUP_ID}/providers/Microsoft.OperationalInsights/workspaces/log-local"
    insights = f"{GROUP_ID}/providers/Microsoft.Insights/components/appi-local"
    vault = f"{GROUP_ID}/providers/Microsoft.KeyVault/vaults/kv-local"
    web = {"Application_Type": "web", "WorkspaceResourceId": logs}
    roles = {
        "tenantId": TENANT,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
    }
    named = {"storageAccount": STORAGE_ID, "keyVault": vault, "applicationInsights": insights}
    named["primaryUserAssignedIdentity"] = identity_id("workspace")
    return [
        Resource(logs, {"location": REGION, "properties": {}}, "2025-07-01"),
        Resource(insights, {"location": REGION, "kind": "web", "properties": web}, "2020-02-02"),
        Resource(vault, {"location": REGION, "properties": roles}, "2025-05-01"),
        Resource(
            WORKSPACE_PATH,
            {"location": REGION, "identity": carrying("workspace"), "properties": named},
            "2026-03-01",
        ),
    ]


def batch_account() -> Json:
    return {
        "allowedAuthenticationModes": ["AAD"],
        "autoStorage": {
            "storageAccountId": STORAGE_ID,
            "authenticationMode": "BatchAccountManagedIdentity",
            "nodeIdentityReference": {"resourceId": identity_id("training")},
        },
    }


def pool(home: Home, checkout: Path) -> Json:
    """The pool, as bicep/modules/batch.bicep deploys it with the defaults of its parameters."""
    image = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404", "version": "latest"}
    machine = {"imageReference": image, "nodeAgentSkuId": "batch.node.ubuntu 24.04"}
    definitions = checkout / "bicep" / "definitions"
    formula = (definitions / "autoscale.txt").read_text()
    for name, value in {"{target}": "$TargetDedicatedNodes", "{other}": "$TargetLowPriorityNodes"}.items():
        formula = formula.replace(name, value)
    formula = formula.replace("{maxNodes}", "2").replace("{taskSlots}", str(TASK_SLOTS))
    script = base64.b64encode((definitions / "start-task.sh").read_bytes()).decode()
    return {
        "vmSize": "Standard_D2s_v5",
        "deploymentConfiguration": {"virtualMachineConfiguration": machine},
        "taskSlotsPerNode": TASK_SLOTS,
        "scaleSettings": {"autoScale": {"evaluationInterval": "PT5M", "formula": formula}},
        "startTask": {
            "commandLine": START_TASK,
            "environmentSettings": [{"name": "START_TASK", "value": script}],
            "resourceFiles": [
                {
                    "httpUrl": f"{home.blob_url}/{CONTAINER}/code/pool/{name}",
                    "filePath": name,
                    "identityReference": {"resourceId": identity_id("training")},
                }
                for name in ("requirements.txt", "uv.txt")
            ],
            "userIdentity": {"autoUser": {"elevationLevel": "Admin", "scope": "Pool"}},
            "maxTaskRetryCount": 2,
            "waitForSuccess": True,
        },
    }


def site_settings(home: Home, environ: Mapping[str, str]) -> Resource:
    """The settings of the site, as a resource; `environ` is the environment that may set those TUNABLE."""
    return Resource(
        f"{SITE_ID}/config/appsettings", {"properties": app_settings(home, environ)}, "2024-11-01"
    )


def app_settings(home: Home, environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of the site.

    Runs and operations are polled at the pace of a machine where a training takes seconds; the app's own
    defaults are for Azure. What is TUNABLE is taken from `environ`.
    """
    tuned = {name: environ[name] for name in TUNABLE if name in environ}
    return {
        "TOUCHDOWN_SUBSCRIPTION_ID": SUBSCRIPTION,
        "TOUCHDOWN_RESOURCE_GROUP": RESOURCE_GROUP,
        "TOUCHDOWN_WORKSPACE": WORKSPACE,
        "TOUCHDOWN_DATA_FACTORY": FACTORY,
        "TOUCHDOWN_PIPELINE": "train",
        "TOUCHDOWN_STORAGE_URL": home.blob_url,
        "TOUCHDOWN_CONTAINER": CONTAINER,
        "TOUCHDOWN_DATASTORE": DATASTORE,
        "TOUCHDOWN_RESOURCE_MANAGER_URL": home.resource_manager,
        "TOUCHDOWN_COMPUTE_IDENTITY": identity_id("scoring"),
        "TOUCHDOWN_COMPUTE_MAX_NODES": "2",
        "TOUCHDOWN_TOPIC_ENDPOINT": home.topic_endpoint(TOPIC, REGION),
        "TOUCHDOWN_RUN_POLLING_FIRST_SECONDS": "2",
        "TOUCHDOWN_RUN_POLLING_CAP_SECONDS": "15",
        "TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS": "0.1",
        "TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS": "2",
        "AZURE_CLIENT_ID": client_id_of(identity_id("app")),
        "ARM_CLOUD_METADATA_URL": home.metadata_url,
        "AZURE_FUNCTIONS_DURABLE_STRICT_TYPING": "1",
        "PYTHON_THREADPOOL_THREAD_COUNT": "32",
        **tuned,
    }


def event_subscriptions(checkout: Path) -> list[Resource]:
    """The app's subscriptions to storage events, as bicep/modules/subscriptions.bicep deploys them."""
    text = (checkout / "bicep" / "definitions" / "subscriptions.json").read_text()
    definitions: list[Json] = json.loads(text.replace("{container}", CONTAINER))
    return [
        Resource(
            f"{SYSTEM_TOPIC_ID}/eventSubscriptions/{each['name']}",
            {
                "properties": {
                    "eventDeliverySchema": "EventGridSchema",
                    "destination": {
                        "endpointType": "AzureFunction",
                        "properties": {
                            "resourceId": f"{SITE_ID}/functions/{each['functionName']}",
                            "maxEventsPerBatch": 1,
                            "preferredBatchSizeInKilobytes": 64,
                        },
                    },
                    "filter": each["filter"],
                    "retryPolicy": each["retryPolicy"],
                    "deadLetterDestination": {
                        "endpointType": "StorageBlob",
                        "properties": {"resourceId": STORAGE_ID, "blobContainerName": DEAD_LETTERS},
                    },
                }
            },
            "2025-02-15",
        )
        for each in definitions
    ]
