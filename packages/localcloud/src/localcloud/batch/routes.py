"""What Batch answers: account and pool to Resource Manager, nodes and tasks to localcloud's own callers.

A cloud has one account with one pool. A pool's image and network are kept and returned, and mean nothing
here. Source: "Batch Account" and "Pool" of the Batch management REST API, api-version 2025-06-01.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from localcloud.arm import known_scope
from localcloud.batch import definitions, keys
from localcloud.batch.pool import Pool
from localcloud.home import REGION
from localcloud.inventory import BATCH_ACCOUNT, POOL, not_found
from localcloud.providers.paths import merged
from localcloud.service import Cloud
from localcloud.sizes import batch_quotas
from localcloud.store import Document
from localcloud.wire import ArmRoute, Handler, api_version, json_body

API_VERSIONS = ("2024-02-01", "2024-07-01", "2025-06-01")
ACCOUNT_PATH = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Batch/batchAccounts/{account}"
)


def arm_routes(cloud: Cloud, pool: Pool) -> list[BaseRoute]:
    inventory = cloud.inventory

    def open_to(handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            cloud.arm_caller(request)
            api_version(request, *API_VERSIONS)
            known_scope(request, inventory)
            return await handler(request)

        return checked

    def exists(id_: str) -> bool:
        return inventory.get(id_) is not None

    def account(request: Request) -> Document:
        name = request.path_params["account"]
        found = inventory.one(BATCH_ACCOUNT)
        if found is None or found["name"].lower() != name.lower():
            raise not_found(BATCH_ACCOUNT, name, inventory.group)
        return found

    def pool_of(request: Request) -> Document:
        name = request.path_params["pool"]
        found = inventory.get(f"{account(request)['id']}/pools/{name}")
        if found is None:
            raise not_found(f"{BATCH_ACCOUNT}/{account(request)['name']}/pools", name, inventory.group)
        return found

    async def get_account(request: Request) -> Response:
        return JSONResponse(account_body(account(request), cloud.batch_endpoint))

    async def put_account(request: Request) -> Response:
        inventory.refuse_another(BATCH_ACCOUNT, request.url.path)
        body, id_ = await json_body(request), request.url.path.rstrip("/")
        properties = definitions.account(request.path_params["account"], body, inventory.get(id_), exists)
        document, created = inventory.put(BATCH_ACCOUNT, id_, body, properties)
        return JSONResponse(account_body(document, cloud.batch_endpoint), 201 if created else 200)

    async def patch_account(request: Request) -> Response:
        found, changes = account(request), await json_body(request)
        body = merged(found, definitions.account_changes(changes))
        properties = definitions.account(found["name"], body, None, exists)
        document, _ = inventory.put(BATCH_ACCOUNT, found["id"], body, properties)
        return JSONResponse(account_body(document, cloud.batch_endpoint))

    async def list_keys(request: Request) -> Response:
        return JSONResponse(keys.of(inventory, account(request)))

    async def list_pools(request: Request) -> Response:
        below = f"{account(request)['id']}/"
        return JSONResponse({"value": [pool_body(each, pool) for each in inventory.all(POOL, below)]})

    async def get_pool(request: Request) -> Response:
        return JSONResponse(pool_body(pool_of(request), pool))

    async def put_pool(request: Request) -> Response:
        account(request)
        inventory.refuse_another(POOL, request.url.path)
        body, id_ = await json_body(request), request.url.path.rstrip("/")
        properties = definitions.pool(request.path_params["pool"], body, inventory.get(id_), exists)
        pool.define(properties)
        document, created = inventory.put(POOL, id_, body, properties)
        return JSONResponse(pool_body(document, pool), 201 if created else 200)

    return [
        ArmRoute("GET", ACCOUNT_PATH, open_to(get_account)),
        ArmRoute("PUT", ACCOUNT_PATH, open_to(put_account)),
        ArmRoute("PATCH", ACCOUNT_PATH, open_to(patch_account)),
        ArmRoute("POST", f"{ACCOUNT_PATH}/listKeys", open_to(list_keys)),
        ArmRoute("GET", f"{ACCOUNT_PATH}/pools", open_to(list_pools)),
        ArmRoute("GET", f"{ACCOUNT_PATH}/pools/{{pool}}", open_to(get_pool)),
        ArmRoute("PUT", f"{ACCOUNT_PATH}/pools/{{pool}}", open_to(put_pool)),
    ]


def control_routes(pool: Pool) -> list[BaseRoute]:
    async def tasks(_: Request) -> Response:
        return JSONResponse({"value": [task.as_dict() for task in pool.tasks.values()]})

    async def nodes(_: Request) -> Response:
        return JSONResponse({"value": [node.as_dict() for node in pool.nodes] if pool.name else []})

    return [Route("/batch/tasks", tasks), Route("/batch/nodes", nodes)]


def account_body(document: Document, endpoint: str) -> dict[str, Any]:
    """An account as Resource Manager returns it."""
    computed = {
        "accountEndpoint": endpoint,
        "provisioningState": "Succeeded",
        **batch_quotas(),
    }
    return {"location": REGION, **document, "properties": document["properties"] | computed}


def pool_body(document: Document, pool: Pool) -> dict[str, Any]:
    """A pool as Resource Manager returns it."""
    computed = {
        "provisioningState": "Succeeded",
        "allocationState": "Steady",
        "currentDedicatedNodes": len(pool.nodes),
        "currentLowPriorityNodes": 0,
    }
    return document | {"properties": document["properties"] | computed}
