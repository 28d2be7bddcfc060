"""Resource Manager's routes for storage accounts: Azurite's account and its containers.

Source: "Storage Accounts - Create", "Blob Containers - Create" of the storage resource provider, 2023-01-01.
"""

import asyncio
import contextlib

from azure.core.exceptions import AzureError as StorageError
from azure.core.exceptions import ResourceExistsError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import opened
from localcloud.home import LOOPBACK, REGION, STORAGE_ACCOUNT
from localcloud.inventory import not_found, properties_of
from localcloud.service import Cloud, Service
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, json_body, not_imitated

TYPE = "Microsoft.Storage/storageAccounts"
BLOB_SERVICE = f"{TYPE}/blobServices"
CONTAINER = f"{BLOB_SERVICE}/containers"
ACCOUNTS = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{TYPE}"


def service(cloud: Cloud) -> Service:
    inventory = cloud.inventory

    def check_account(request: Request) -> None:
        """Raise AzureError 501 for any account but Azurite's."""
        name = request.path_params["account"]
        if name.lower() != STORAGE_ACCOUNT:
            raise not_imitated(f"the storage account '{name}': a localcloud has one, {STORAGE_ACCOUNT}")

    async def get(request: Request) -> Response:
        check_account(request)
        return JSONResponse(account_body(cloud, inventory.get(request.url.path.rstrip("/"))))

    async def put(request: Request) -> Response:
        check_account(request)
        body = await json_body(request)
        document, created = inventory.put(TYPE, request.url.path.rstrip("/"), body, properties_of(body))
        return JSONResponse(account_body(cloud, document), 201 if created else 200)

    async def put_blob_service(request: Request) -> Response:
        check_account(request)
        body = await json_body(request)
        document, _ = inventory.put(BLOB_SERVICE, request.url.path.rstrip("/"), body, properties_of(body))
        return JSONResponse(document)

    async def get_child(request: Request) -> Response:
        check_account(request)
        found = inventory.get(request.url.path.rstrip("/"))
        if found is None:
            raise not_found(BLOB_SERVICE, request.path_params.get("name", "default"), inventory.group)
        return JSONResponse(found)

    async def put_container(request: Request) -> Response:
        check_account(request)
        name = request.path_params["name"]
        body = await json_body(request)
        try:
            await asyncio.to_thread(make_container, cloud, name)
        except StorageError as error:
            raise AzureError(400, "ContainerOperationFailure", f"The container '{name}': {error}") from None
        document, created = inventory.put(CONTAINER, request.url.path.rstrip("/"), body, properties_of(body))
        return JSONResponse(document, 201 if created else 200)

    async def list_containers(request: Request) -> Response:
        check_account(request)
        return JSONResponse({"value": inventory.all(CONTAINER)})

    one = f"{ACCOUNTS}/{{account}}"
    blobs = f"{one}/blobServices/default"
    container = f"{blobs}/containers/{{name}}"
    routes: list[BaseRoute] = [
        ArmRoute("GET", one, opened(cloud, get)),
        ArmRoute("PUT", one, opened(cloud, put)),
        ArmRoute("GET", blobs, opened(cloud, get_child)),
        ArmRoute("PUT", blobs, opened(cloud, put_blob_service)),
        ArmRoute("GET", f"{blobs}/containers", opened(cloud, list_containers)),
        ArmRoute("GET", container, opened(cloud, get_child)),
        ArmRoute("PUT", container, opened(cloud, put_container)),
    ]
    return Service("storage", routes)


def make_container(cloud: Cloud, name: str) -> None:
    """Create a container in Azurite unless it exists. Blocks."""
    with contextlib.suppress(ResourceExistsError):
        cloud.blobs.create_container(name)


def account_body(cloud: Cloud, document: Document | None) -> Document:
    """The account as Resource Manager returns it, even before a PUT: Azurite always has it."""
    ports = cloud.home.ports
    hosts = {"blob": ports.blob, "queue": ports.queue, "table": ports.table}
    computed = {
        "provisioningState": "Succeeded",
        "primaryEndpoints": {
            name: f"https://{LOOPBACK}:{port}/{STORAGE_ACCOUNT}/" for name, port in hosts.items()
        },
    }
    found = document or {
        "id": cloud.inventory.storage_id,
        "name": STORAGE_ACCOUNT,
        "type": TYPE,
        "properties": {},
    }
    return {"location": REGION, **found, "properties": found["properties"] | computed}
