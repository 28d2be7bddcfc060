"""Event Grid's resources as Resource Manager serves them: topics, system topics, event subscriptions.

Webhooks are trusted without the validation handshake, because anyone who may PUT a subscription here owns the
machine. Source: "Event Subscriptions" of the Event Grid REST API, 2022-06-15 and later.
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import known_scope
from localcloud.eventgrid.dispatch import Dispatcher
from localcloud.eventgrid.kinds import CUSTOM, SYSTEM
from localcloud.eventgrid.subscriptions import (
    TYPES,
    Subscription,
    check_dead_letters,
    check_function,
    source,
)
from localcloud.inventory import Inventory, properties_of
from localcloud.providers import resources
from localcloud.providers.checks import missing
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import ArmRoute, Handler, api_version, json_body, not_imitated

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers"


class Routes:
    """The handlers of topics and of their event subscriptions."""

    def __init__(self, cloud: Cloud, dispatcher: Dispatcher) -> None:
        self._cloud = cloud
        self._inventory: Inventory = cloud.inventory
        self._dispatcher = dispatcher

    def all(self) -> list[BaseRoute]:
        routes: list[BaseRoute] = []
        for kind in (CUSTOM, SYSTEM):
            going = self.forget_subscriptions
            routes += resources.routes(self._cloud, replace(kind, going=going))
            topic = f"{GROUP}/{kind.type}/{{topic}}"
            one = f"{topic}/eventSubscriptions/{{name}}"
            routes += [
                ArmRoute("GET", f"{topic}/eventSubscriptions", self._open(self.list_subscriptions)),
                ArmRoute("GET", one, self._open(self.get)),
                ArmRoute("PUT", one, self._open(self.put_subscription(kind.type))),
                ArmRoute("DELETE", one, self._open(self.delete_subscription)),
            ]
        return routes

    async def forget_subscriptions(self, _: Cloud, topic: Document) -> None:
        """Deliver nothing more to the subscriptions of a topic that is being deleted."""
        for type_ in TYPES:
            for each in self._inventory.all(type_, f"{topic['id']}/"):
                self._dispatcher.unsubscribe(each["name"])

    async def get(self, request: Request) -> Response:
        id_ = request.url.path.rstrip("/")
        found = self._inventory.get(id_)
        if found is None:
            raise missing(self._inventory, id_)
        return JSONResponse(subscription_body(found, source(self._inventory, id_.rsplit("/", 2)[0])))

    async def list_subscriptions(self, request: Request) -> Response:
        below = f"{request.url.path.rstrip('/')}/"
        topic = source(self._inventory, below.rsplit("/", 2)[0])
        found = [each for type_ in TYPES for each in self._inventory.all(type_, below)]
        return JSONResponse({"value": [subscription_body(each, topic) for each in found]})

    def put_subscription(self, type_: str) -> Handler:
        async def put(request: Request) -> Response:
            id_, name = request.url.path.rstrip("/"), request.path_params["name"]
            body = await json_body(request)
            properties = properties_of(body)
            owner = id_.rsplit("/", 2)[0]
            topic = source(self._inventory, owner)
            subscription = Subscription.parse(name, topic, properties, owner)
            check_function(self._inventory, name, properties)
            check_dead_letters(self._inventory, subscription)
            self._refuse_namesake(id_, name)
            document, created = self._inventory.put(f"{type_}/eventSubscriptions", id_, body, properties)
            self._dispatcher.subscribe(subscription)
            return JSONResponse(subscription_body(document, topic), 201 if created else 200)

        return put

    async def delete_subscription(self, request: Request) -> Response:
        if not self._inventory.delete(request.url.path.rstrip("/")):
            return Response(status_code=204)
        self._dispatcher.unsubscribe(request.path_params["name"])
        return Response(status_code=200)

    def _refuse_namesake(self, id_: str, name: str) -> None:
        """Refuse a name that another subscription has, because the name identifies its deliveries."""
        for type_ in TYPES:
            for other in self._inventory.all(type_):
                if other["name"].lower() == name.lower() and other["id"].lower() != id_.lower():
                    raise not_imitated(
                        f"two event subscriptions named '{name}': '{other['id']}' is one already"
                    )

    def _open(self, handler: Handler) -> Handler:
        """Wrap `handler` so that it requires a token, an api-version and an existing scope."""

        async def checked(request: Request) -> Response:
            self._cloud.arm_caller(request)
            api_version(request)
            known_scope(request, self._inventory)
            return await handler(request)

        return checked


def subscription_body(document: Document, topic: str) -> Document:
    """An event subscription as Resource Manager returns it."""
    added = {"topic": topic, "provisioningState": "Succeeded"}
    return document | {"properties": document["properties"] | added}
