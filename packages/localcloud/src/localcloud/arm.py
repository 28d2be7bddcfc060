"""Azure Resource Manager itself: the cloud's metadata, subscriptions, and the answer to requests that no
service imitates.

Source: "Subscriptions - Get".
"""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from localcloud import metadata
from localcloud.home import SUBSCRIPTION
from localcloud.inventory import GROUP, Inventory
from localcloud.rights import EVERYBODY, right_of
from localcloud.service import Cloud, Service
from localcloud.wire import ArmRoute, AzureError, Handler, api_version, not_imitated


def known_subscription(request: Request) -> None:
    """Raise AzureError 404 if the path names another subscription than this cloud's."""
    subscription = request.path_params.get("subscription", SUBSCRIPTION)
    if subscription.lower() != SUBSCRIPTION:
        raise AzureError(
            404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found."
        )


def known_scope(request: Request, inventory: Inventory) -> None:
    """Raise AzureError 404 if the path names another subscription or resource group than this cloud's."""
    known_subscription(request)
    group = request.path_params.get("group")
    existing = inventory.one(GROUP)
    if group is not None and (existing is None or group.lower() != existing["name"].lower()):
        raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def opened(cloud: Cloud, handler: Handler) -> Handler:
    """Wrap `handler` so that it requires a token, an api-version and an existing scope."""

    async def checked(request: Request) -> Response:
        cloud.arm_caller(request)
        api_version(request)
        known_scope(request, cloud.inventory)
        return await handler(request)

    return checked


def service(cloud: Cloud) -> Service:
    async def endpoints(_: Request) -> Response:
        return JSONResponse([metadata.environment(cloud.home)])

    routes: list[BaseRoute] = [ArmRoute("GET", "/metadata/endpoints", endpoints, EVERYBODY)]
    return Service("arm", routes)


def not_imitated_service(_: Cloud) -> Service:
    """A service that answers 501 for every resource for which no earlier service has a route."""
    return Service("not imitated", [NotImitated()])


class NotImitated(BaseRoute):
    """A route that answers 501 to callers with a token, for resources that no service imitates."""

    PATHS = re.compile(r"(/history/[^/]+)?/subscriptions/.+/providers/[^/]+/.*", re.IGNORECASE)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = scope["type"] == "http" and self.PATHS.fullmatch(scope["path"])
        return (Match.FULL, {}) if found else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await request.app.state.guard.admit(right_of(request.method, request.url.path), request)
        await not_imitated(f"{request.method} {request.url.path}").response()(scope, receive, send)
