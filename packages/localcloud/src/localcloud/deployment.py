"""What deploying the product does, done to this cloud: the trainer's code, the factory and its pipeline.

The definitions are those that Bicep deploys. Code goes to a folder named for its contents, so that a run
that has begun keeps the code it began with, and publishing the same code again changes nothing.
"""

import asyncio
import contextlib
import json
from functools import partial
from typing import Any

from azure.core.exceptions import ResourceExistsError

from localcloud.batch.node import ACCOUNT_ENDPOINT
from localcloud.datafactory.resources import Resources
from localcloud.home import (
    BATCH_ACCOUNT,
    CONTAINER,
    DEFINITIONS,
    FACTORY,
    LOOPBACK,
    POOL,
    Home,
)
from localcloud.service import Cloud, Service
from localcloud.storage import StorageUnavailableError
from scripts.publish_trainer import code_path, trainer_files

STORAGE_LIMIT = 60
"""Seconds until storage must answer."""


def service(cloud: Cloud) -> Service:
    """Deploys when the cloud starts: what a client finds there is there from the first request."""
    return Service("deployment", [], start=partial(publish, cloud))


async def publish(cloud: Cloud) -> None:
    """Publish the trainer, the linked services and the pipeline `train`; safe to do at any time, again.

    Raises StorageUnavailableError when storage does not answer.
    """
    await storage_answers(cloud.home)
    files = await asyncio.to_thread(trainer_files)
    await asyncio.to_thread(upload_code, cloud, files)
    resources = Resources(cloud.store)
    resources.put_factory(FACTORY, {})
    for name, properties in linked_services(cloud.home).items():
        resources.put_linked_service(FACTORY, name, properties)
    definition = pipeline(cloud.home, code_path(files))
    resources.put_pipeline(FACTORY, definition["name"], definition["properties"])


def upload_code(cloud: Cloud, files: dict[str, bytes]) -> None:
    """Put what is not there yet of `files` into the container, which is made if it is missing."""
    container = cloud.blobs.get_container_client(CONTAINER)
    with contextlib.suppress(ResourceExistsError):
        container.create_container()
    folder = f"{code_path(files)}/"
    there = {blob.name for blob in container.list_blobs(name_starts_with=folder)}
    for name, content in files.items():
        if folder + name not in there:
            container.upload_blob(folder + name, content)


def linked_services(home: Home) -> dict[str, dict[str, Any]]:
    """By name, the linked services of the factory, in the order in which they refer to each other."""
    storage = {"referenceName": "storage", "type": "LinkedServiceReference"}
    return {
        "storage": {
            "type": "AzureBlobStorage",
            "typeProperties": {"serviceEndpoint": f"{home.blob_url}/", "accountKind": "StorageV2"},
        },
        "batch": {
            "type": "AzureBatch",
            "typeProperties": {
                "accountName": BATCH_ACCOUNT,
                "batchUri": f"https://{ACCOUNT_ENDPOINT}",
                "poolName": POOL,
                "linkedServiceName": storage,
            },
        },
    }


def pipeline(home: Home, code: str) -> dict[str, Any]:
    """bicep/definitions/pipeline.json with the defaults that a deployment gives it."""
    definition: dict[str, Any] = json.loads((DEFINITIONS / "pipeline.json").read_text())
    defaults = {"accountUrl": home.blob_url, "container": CONTAINER, "codePath": code, "clientId": ""}
    for name, value in defaults.items():
        definition["properties"]["parameters"][name]["defaultValue"] = value
    return definition


async def storage_answers(home: Home) -> None:
    """Returns when storage listens. Raises StorageUnavailableError."""
    try:
        async with asyncio.timeout(STORAGE_LIMIT):
            while not await _listens(home.ports.blob):  # noqa: ASYNC110 - the other process gives no event
                await asyncio.sleep(0.1)
    except TimeoutError:
        message = f"Storage does not answer at {home.blob_url}: start Azurite before the cloud."
        raise StorageUnavailableError(message) from None


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True
