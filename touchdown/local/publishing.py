"""Publishes the trainer and the pipeline to a localcloud, through storage and Resource Manager.

A deployment to Azure does the same, with the same definitions. The code's folder is named after a hash of its
contents: a run keeps the code with which it started, and publishing the same code again changes nothing.
"""

import json
import ssl
from pathlib import Path

import httpx
from localcloud.credentials import Principal
from localcloud.home import REGION, Home
from localcloud.spec import Json

from touchdown.local.names import BATCH_ACCOUNT, CONTAINER, FACTORY_ID, POOL, identity_id
from touchdown.local.trainer import publish_trainer

API_VERSION = "2018-06-01"


def publish(home: Home, checkout: Path) -> None:
    """Publish the trainer's files, the linked services and the pipeline of `checkout`; safe to repeat.

    The cloud of `home` must be running. Raises azure-core's and httpx's errors.
    """
    code = publish_trainer(home, checkout, home.blob_url, CONTAINER)
    credential = {"type": "ManagedIdentity", "typeProperties": {"resourceId": identity_id("training")}}
    definitions: list[tuple[str, Json]] = [("credentials/training", credential)]
    definitions += [(f"linkedservices/{name}", each) for name, each in linked_services(home).items()]
    definition = pipeline(home, checkout, code)
    definitions.append((f"pipelines/{definition['name']}", definition["properties"]))
    token = Principal(home, "person").get_token("https://management.azure.com/.default").token
    with httpx.Client(
        base_url=home.resource_manager,
        headers={"Authorization": f"Bearer {token}"},
        params={"api-version": API_VERSION},
        verify=ssl.create_default_context(cafile=home.ca_bundle),
        trust_env=False,
        proxy=home.proxy,
    ) as client:
        for name, properties in definitions:
            client.put(f"{FACTORY_ID}/{name}", json={"properties": properties}).raise_for_status()


def linked_services(home: Home) -> dict[str, Json]:
    """The factory's linked services by name, in the order in which they refer to each other."""
    storage = {"referenceName": "storage", "type": "LinkedServiceReference"}
    credential = {"referenceName": "training", "type": "CredentialReference"}
    return {
        "storage": {
            "type": "AzureBlobStorage",
            "typeProperties": {
                "serviceEndpoint": f"{home.blob_url}/",
                "accountKind": "StorageV2",
                "credential": credential,
            },
        },
        "batch": {
            "type": "AzureBatch",
            "typeProperties": {
                "accountName": BATCH_ACCOUNT,
                "batchUri": f"https://{home.batch_host(BATCH_ACCOUNT, REGION)}",
                "poolName": POOL,
                "linkedServiceName": storage,
                "credential": credential,
            },
        },
    }


def pipeline(home: Home, checkout: Path, code: str) -> Json:
    """bicep/definitions/pipeline.json with the defaults that a deployment gives it."""
    file = checkout / "bicep" / "definitions" / "pipeline.json"
    definition: Json = json.loads(file.read_text())
    defaults = {"accountUrl": home.blob_url, "container": CONTAINER, "codePath": code, "clientId": ""}
    for name, value in defaults.items():
        definition["properties"]["parameters"][name]["defaultValue"] = value
    return definition
