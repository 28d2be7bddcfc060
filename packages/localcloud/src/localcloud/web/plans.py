"""App Service plans: checked and kept. They have no effect, because a localcloud has one machine.

Source: "App Service Plans - Create Or Update", 2025-03-01; "Naming rules and restrictions for Azure
resources".
"""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import opened
from localcloud.inventory import not_found, properties_of
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.web.names import GROUP, PLAN
from localcloud.wire import ArmRoute, AzureError, json_body, not_imitated

NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
FLEX = "FlexConsumption"
SKU = {"name": "FC1", "tier": FLEX, "size": "FC1", "family": "FC", "capacity": 0}


def routes(cloud: Cloud) -> list[BaseRoute]:
    inventory = cloud.inventory

    async def list_all(_: Request) -> Response:
        return JSONResponse({"value": [plan_body(each) for each in inventory.all(PLAN)]})

    async def get(request: Request) -> Response:
        found = inventory.get(request.url.path.rstrip("/"))
        if found is None:
            raise not_found(PLAN, request.path_params["plan"], inventory.group)
        return JSONResponse(plan_body(found))

    async def put(request: Request) -> Response:
        body = await json_body(request)
        check(request.path_params["plan"], body)
        document, _ = inventory.put(
            PLAN, request.url.path.rstrip("/"), {**body, "sku": SKU}, properties_of(body)
        )
        return JSONResponse(plan_body(document))

    async def delete(request: Request) -> Response:
        existed = inventory.delete(request.url.path.rstrip("/"))
        return Response(status_code=200 if existed else 204)

    plans = f"{GROUP}/{PLAN}"
    return [
        ArmRoute("GET", plans, opened(cloud, list_all)),
        ArmRoute("GET", f"{plans}/{{plan}}", opened(cloud, get)),
        ArmRoute("PUT", f"{plans}/{{plan}}", opened(cloud, put)),
        ArmRoute("DELETE", f"{plans}/{{plan}}", opened(cloud, delete)),
    ]


def check(name: str, body: Document) -> None:
    """Raises AzureError 400 for what App Service refuses, 501 for a plan that is not Flex Consumption."""
    if not NAME.fullmatch(name):
        message = f"The plan's name '{name}' must be 1 to 60 letters, digits and hyphens."
        raise AzureError(400, "BadRequest", message)
    if not body.get("location"):
        raise AzureError(
            400,
            "LocationRequired",
            "The location property is required for this definition.",
            target="location",
        )
    sku = body.get("sku") or {}
    if (sku.get("name"), sku.get("tier", FLEX)) != ("FC1", FLEX):
        raise not_imitated(f"plans with the SKU {sku.get('name')!r}: FC1 (Flex Consumption) only")
    if not properties_of(body).get("reserved"):
        message = "A plan of Flex Consumption runs Linux: properties.reserved must be true."
        raise AzureError(400, "BadRequest", message)


def plan_body(document: Document) -> Document:
    """A plan as Resource Manager returns it."""
    added = {"status": "Ready", "provisioningState": "Succeeded", "numberOfSites": 1}
    return {**document, "properties": document["properties"] | added}
