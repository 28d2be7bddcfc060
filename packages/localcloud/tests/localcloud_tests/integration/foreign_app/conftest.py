"""A cloud for another project's app, made with the pytest plugin alone."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from localcloud.home import REGION, SUBSCRIPTION, Home
from localcloud.identities import object_id_of
from localcloud.persons import person
from localcloud.spec import CloudSpec, Resource

from localcloud_tests.integration.conftest import NODE_ENVIRONMENT
from localcloud_tests.resources import assigned, batch_account, pool, workspace

GROUP = "greenhouse"
STORAGE_ACCOUNT = "greenhousedata"
FACTORY = "greenhouse-factory"
WORKSPACE = "greenhouse-models"
GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
STORAGE_ID = f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/{STORAGE_ACCOUNT}"
FACTORY_ID = f"{GROUP_ID}/providers/Microsoft.DataFactory/factories/{FACTORY}"
BATCH_ID = f"{GROUP_ID}/providers/Microsoft.Batch/batchAccounts/greenhousebatch"
SITE_ID = f"{GROUP_ID}/providers/Microsoft.Web/sites/greenhouse-app"
WORKSPACE_PATH = f"{GROUP_ID}/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
GARDENER_ID = f"{GROUP_ID}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gardener"
"""The identity of the factory, the Batch account and its pool."""
GARDENING = {"type": "UserAssigned", "userAssignedIdentities": {GARDENER_ID: {}}}
CREDENTIAL = {"referenceName": "gardener", "type": "CredentialReference"}
PHOTOS_ID = f"{GROUP_ID}/providers/Microsoft.EventGrid/systemTopics/photos"


@pytest.fixture(scope="session")
def localcloud_spec() -> Callable[[Home], CloudSpec]:
    app = Path(__file__).with_name("app")
    return lambda home: CloudSpec(resources(home), app=app, node_environment=NODE_ENVIRONMENT)


def resources(home: Home) -> list[Resource]:
    containers = f"{STORAGE_ID}/blobServices/default/containers"
    return [
        resource(GROUP_ID, "2024-03-01"),
        Resource(
            STORAGE_ID,
            {"location": REGION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}},
            "2025-08-01",
        ),
        *(resource(f"{containers}/{name}", "2025-08-01") for name in ("code", "photos", "thumbnails")),
        *workspace(WORKSPACE_PATH, STORAGE_ID),
        Resource(GARDENER_ID, {"location": REGION}, "2024-11-30"),
        Resource(BATCH_ID, batch_account(STORAGE_ID, GARDENER_ID), "2025-06-01"),
        Resource(
            f"{BATCH_ID}/pools/gardeners",
            {"identity": GARDENING, "properties": pool() | {"taskSlotsPerNode": 1}},
            "2025-06-01",
        ),
        Resource(FACTORY_ID, {"location": REGION, "identity": GARDENING, "properties": {}}, "2018-06-01"),
        resource(
            f"{FACTORY_ID}/credentials/gardener",
            "2018-06-01",
            type="ManagedIdentity",
            typeProperties={"resourceId": GARDENER_ID},
        ),
        *(
            assigned(role, object_id_of(GARDENER_ID), scope=GROUP_ID)
            for role in ("Storage Blob Data Owner", "Azure Batch Data Contributor")
        ),
        resource(
            f"{FACTORY_ID}/linkedservices/shed",
            "2018-06-01",
            type="AzureBlobStorage",
            typeProperties={"serviceEndpoint": home.storage_url(STORAGE_ACCOUNT), "credential": CREDENTIAL},
        ),
        resource(
            f"{FACTORY_ID}/linkedservices/gardeners",
            "2018-06-01",
            type="AzureBatch",
            typeProperties={
                "accountName": "greenhousebatch",
                "batchUri": f"https://{home.batch_host('greenhousebatch', REGION)}",
                "poolName": "gardeners",
                "linkedServiceName": reference("shed"),
                "credential": CREDENTIAL,
            },
        ),
        resource(f"{FACTORY_ID}/pipelines/measure", "2018-06-01", activities=[measure()]),
        Resource(
            SITE_ID,
            {"location": REGION, "identity": {"type": "SystemAssigned"}, "properties": {}},
            "2024-11-01",
        ),
        assigned("Storage Blob Data Contributor", object_id_of(SITE_ID), scope=STORAGE_ID),
        # It checks a model before it is deployed.
        assigned("Storage Blob Data Contributor", object_id_of(WORKSPACE_PATH), scope=STORAGE_ID),
        # A cluster without an identity scores as the caller of its job, by way of a queue and a table.
        *(
            assigned(f"Storage {kind} Data Contributor", person("person").object_id, "User", STORAGE_ID)
            for kind in ("Blob", "Queue", "Table")
        ),
        resource(
            f"{SITE_ID}/config/appsettings",
            "2024-11-01",
            GREENHOUSE_NAME="kew",
            GREENHOUSE_STORAGE=home.storage_url(STORAGE_ACCOUNT),
        ),
        resource(PHOTOS_ID, "2025-02-15", source=STORAGE_ID),
        resource(
            f"{PHOTOS_ID}/eventSubscriptions/thumbnails",
            "2025-02-15",
            destination={
                "endpointType": "AzureFunction",
                "properties": {"resourceId": f"{SITE_ID}/functions/thumbnail"},
            },
            filter={
                "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
                "subjectBeginsWith": "/blobServices/default/containers/photos/",
            },
        ),
    ]


def resource(id_: str, api_version: str, **properties: Any) -> Resource:
    return Resource(id_, {"location": REGION, "properties": properties}, api_version)


def reference(name: str) -> dict[str, str]:
    return {"referenceName": name, "type": "LinkedServiceReference"}


def measure() -> dict[str, Any]:
    """The pipeline's one activity: a program in the container `code`."""
    return {
        "name": "Measure",
        "type": "Custom",
        "linkedServiceName": reference("gardeners"),
        "typeProperties": {
            "command": "python measure.py",
            "resourceLinkedService": reference("shed"),
            "folderPath": "code/measure",
        },
    }


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scikit-learn's MLflow model of two columns, a and b, that answers "low" or "high"."""
    folder = tmp_path_factory.mktemp("greenhouse")
    script = Path(__file__).parents[1] / "machinelearning" / "train_models.py"
    subprocess.run(
        [NODE_ENVIRONMENT / "bin" / "python", script, folder, "fitted"],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": ""},
    )
    return folder / "fitted"


def wait_until[T](done: Callable[[], T | None], limit: float = 120) -> T:
    """Wait until `done` returns a value, and return it."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if result := done():
            return result
        time.sleep(0.2)
    raise AssertionError(f"nothing within {limit} seconds")
