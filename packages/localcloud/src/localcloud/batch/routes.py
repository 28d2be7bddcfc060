"""What Batch answers: account and pool to Resource Manager, nodes and tasks to localcloud's own callers.

Only reading is imitated, for a person who looks at the state of the pool; pools are changed by settings.
Source: "Batch Account - Get", "Pool - Get", api-version 2025-06-01.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from localcloud.arm import known_scope
from localcloud.batch.node import ACCOUNT_ENDPOINT
from localcloud.batch.pool import Pool
from localcloud.home import BATCH_ACCOUNT, REGION, RESOURCE_GROUP, SUBSCRIPTION
from localcloud.service import Cloud
from localcloud.wire import ArmRoute, AzureError, api_version

API_VERSIONS = ("2024-02-01", "2024-07-01", "2025-06-01")
ACCOUNT_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
    f"/providers/Microsoft.Batch/batchAccounts/{BATCH_ACCOUNT}"
)
ACCOUNT_PATH = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Batch/batchAccounts/{account}"
)


def arm_routes(cloud: Cloud, pool: Pool) -> list[BaseRoute]:
    def check(request: Request) -> None:
        cloud.arm_caller(request)
        api_version(request, *API_VERSIONS)
        known_scope(request)
        account = request.path_params["account"]
        if account.lower() != BATCH_ACCOUNT:
            raise not_found(f"batchAccounts/{account}")

    async def get_account(request: Request) -> Response:
        check(request)
        return JSONResponse(account_body())

    async def list_pools(request: Request) -> Response:
        check(request)
        return JSONResponse({"value": [pool_body(pool)]})

    async def get_pool(request: Request) -> Response:
        check(request)
        name = request.path_params["pool"]
        if name.lower() != pool.name:
            raise not_found(f"batchAccounts/{BATCH_ACCOUNT}/pools/{name}")
        return JSONResponse(pool_body(pool))

    return [
        ArmRoute("GET", ACCOUNT_PATH, get_account),
        ArmRoute("GET", f"{ACCOUNT_PATH}/pools", list_pools),
        ArmRoute("GET", f"{ACCOUNT_PATH}/pools/{{pool}}", get_pool),
    ]


def control_routes(pool: Pool) -> list[BaseRoute]:
    async def tasks(_: Request) -> Response:
        return JSONResponse({"value": [task.as_dict() for task in pool.tasks.values()]})

    async def nodes(_: Request) -> Response:
        return JSONResponse({"value": [node.as_dict() for node in pool.nodes]})

    return [Route("/batch/tasks", tasks), Route("/batch/nodes", nodes)]


def not_found(resource: str) -> AzureError:
    message = (
        f"The Resource 'Microsoft.Batch/{resource}' under resource group '{RESOURCE_GROUP}' was not found."
    )
    return AzureError(404, "ResourceNotFound", message)


def account_body() -> dict[str, Any]:
    return {
        "id": ACCOUNT_ID,
        "name": BATCH_ACCOUNT,
        "type": "Microsoft.Batch/batchAccounts",
        "location": REGION,
        "properties": {
            "accountEndpoint": ACCOUNT_ENDPOINT,
            "provisioningState": "Succeeded",
            "poolAllocationMode": "BatchService",
            "allowedAuthenticationModes": ["AAD"],
        },
    }


def pool_body(pool: Pool) -> dict[str, Any]:
    nodes = len(pool.nodes)
    return {
        "id": f"{ACCOUNT_ID}/pools/{pool.name}",
        "name": pool.name,
        "type": "Microsoft.Batch/batchAccounts/pools",
        "properties": {
            "provisioningState": "Succeeded",
            "allocationState": "Steady",
            "currentDedicatedNodes": nodes,
            "currentLowPriorityNodes": 0,
            "scaleSettings": {"fixedScale": {"targetDedicatedNodes": nodes, "targetLowPriorityNodes": 0}},
            "taskSlotsPerNode": pool.settings.task_slots,
        },
    }
