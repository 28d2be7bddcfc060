"""Azure Resource Manager's own part: the cloud's metadata, subscriptions, resource groups,
and the answer to what no service imitates.

The cloud has a name of its own: a known one would be taken for the public cloud, whatever its endpoints.
The metadata document is what azure-ai-ml reads through ARM_CLOUD_METADATA_URL to learn a cloud's
endpoints. Source: azure-ai-ml 1.35 `_azure_environments.py`; "Subscriptions - Get"; "Resource
Groups - Create Or Update".
"""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from localcloud.home import LOOPBACK, REGION, SUBSCRIPTION, TENANT
from localcloud.inventory import GROUP, Inventory, properties_of
from localcloud.service import Cloud, Service
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, Handler, api_version, json_body, not_imitated


def known_subscription(request: Request) -> None:
    """Raises AzureError 404 when the path names a subscription that is not this cloud's."""
    subscription = request.path_params.get("subscription", SUBSCRIPTION)
    if subscription.lower() != SUBSCRIPTION:
        raise AzureError(
            404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found."
        )


def known_scope(request: Request, inventory: Inventory) -> None:
    """Raises AzureError 404 when the path names a subscription or resource group that is not this cloud's."""
    known_subscription(request)
    group = request.path_params.get("group")
    there = inventory.one(GROUP)
    if group is not None and (there is None or group.lower() != there["name"].lower()):
        raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def opened(cloud: Cloud, handler: Handler) -> Handler:
    """`handler` for callers with a token, who name an api-version and a scope that exists."""

    async def checked(request: Request) -> Response:
        cloud.arm_caller(request)
        api_version(request)
        known_scope(request, cloud.inventory)
        return await handler(request)

    return checked


def service(cloud: Cloud) -> Service:
    inventory = cloud.inventory

    async def metadata(_: Request) -> Response:
        return JSONResponse(
            [
                {
                    "name": "localcloud",
                    "portal": "https://portal.azure.com/",
                    "resourceManager": cloud.home.resource_manager,
                    "authentication": {
                        "loginEndpoint": "https://login.microsoftonline.com/",
                        "audiences": [cloud.home.resource_manager],
                        "tenant": "common",
                    },
                    "suffixes": {"storage": f"{LOOPBACK}:{cloud.home.ports.blob}"},
                }
            ]
        )

    async def subscription(request: Request) -> Response:
        cloud.arm_caller(request)
        api_version(request)
        known_subscription(request)
        return JSONResponse(
            {
                "id": f"/subscriptions/{SUBSCRIPTION}",
                "subscriptionId": SUBSCRIPTION,
                "tenantId": TENANT,
                "displayName": "localcloud",
                "state": "Enabled",
            }
        )

    async def get_group(_: Request) -> Response:
        found = inventory.one(GROUP)
        assert found is not None
        return JSONResponse(group_body(found))

    async def put_group(request: Request) -> Response:
        cloud.arm_caller(request)
        api_version(request)
        known_subscription(request)
        inventory.refuse_another(GROUP, request.url.path.rstrip("/"))
        body = await json_body(request)
        document, created = inventory.put(GROUP, request.url.path.rstrip("/"), body, properties_of(body))
        return JSONResponse(group_body(document), 201 if created else 200)

    one = "/subscriptions/{subscription}/resourceGroups/{group}"
    routes: list[BaseRoute] = [
        ArmRoute("GET", "/metadata/endpoints", metadata),
        ArmRoute("GET", "/subscriptions/{subscription}", subscription),
        ArmRoute("GET", one, opened(cloud, get_group)),
        ArmRoute("PUT", one, put_group),
    ]
    return Service("arm", routes)


def group_body(document: Document) -> Document:
    """A resource group as Resource Manager returns it."""
    properties = document["properties"] | {"provisioningState": "Succeeded"}
    return {"location": REGION, **document, "properties": properties}


def not_imitated_service(cloud: Cloud) -> Service:
    """Answers for every provider's resources that no service before it has a route for."""
    return Service("not imitated", [Elsewhere(cloud)])


class Elsewhere(BaseRoute):
    """What no service imitates: 501, to a caller with a token."""

    PATHS = re.compile(r"(/history/[^/]+)?/subscriptions/.+/providers/[^/]+/.*", re.IGNORECASE)

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = scope["type"] == "http" and self.PATHS.fullmatch(scope["path"])
        return (Match.FULL, {}) if found else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self._cloud.arm_caller(request)
        await not_imitated(f"{request.method} {request.url.path}").response()(scope, receive, send)
