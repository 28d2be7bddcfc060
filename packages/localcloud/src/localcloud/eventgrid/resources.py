"""Event Grid's resources as Resource Manager serves them: topics, system topics, event subscriptions.

The only source of a system topic is the cloud's storage account. Webhooks are trusted without the validation
handshake, because anyone who may PUT a subscription here owns the machine. Source: "Topics", "System
Topics" and "Event Subscriptions" of the Event Grid REST API, 2022-06-15 and later.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import known_scope
from localcloud.eventgrid.dispatch import Dispatcher
from localcloud.eventgrid.subscriptions import TYPES, Subscription, check_function, source
from localcloud.home import REGION
from localcloud.inventory import SYSTEM_TOPIC, TOPIC, Inventory, not_found, properties_of
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, Handler, api_version, json_body, not_imitated

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers"


class Routes:
    """The handlers of topics and of their event subscriptions."""

    def __init__(self, cloud: Cloud, dispatcher: Dispatcher) -> None:
        self._cloud = cloud
        self._inventory: Inventory = cloud.inventory
        self._dispatcher = dispatcher

    def all(self) -> list[BaseRoute]:
        routes: list[BaseRoute] = []
        for type_ in (TOPIC, SYSTEM_TOPIC):
            topics = f"{GROUP}/{type_}"
            topic = f"{topics}/{{topic}}"
            one = f"{topic}/eventSubscriptions/{{name}}"
            routes += [
                ArmRoute("GET", topics, self._open(self.list_of(type_))),
                ArmRoute("GET", topic, self._open(self.get)),
                ArmRoute("PUT", topic, self._open(self.put_topic(type_))),
                ArmRoute("GET", f"{topic}/eventSubscriptions", self._open(self.list_subscriptions)),
                ArmRoute("GET", one, self._open(self.get)),
                ArmRoute("PUT", one, self._open(self.put_subscription(type_))),
                ArmRoute("DELETE", one, self._open(self.delete_subscription)),
            ]
        return routes

    def list_of(self, type_: str) -> Handler:
        async def list_all(_: Request) -> Response:
            return JSONResponse({"value": self._inventory.all(type_)})

        return list_all

    async def get(self, request: Request) -> Response:
        found = self._inventory.get(request.url.path.rstrip("/"))
        if found is None:
            raise missing(request, self._inventory)
        return JSONResponse(found)

    def put_topic(self, type_: str) -> Handler:
        async def put(request: Request) -> Response:
            body = await json_body(request)
            properties = properties_of(body)
            name = request.path_params["topic"]
            properties |= (
                self._system(properties) if type_ == SYSTEM_TOPIC else self._custom(name, properties)
            )
            document, created = self._inventory.put(
                type_, request.url.path, body, properties | {"provisioningState": "Succeeded"}
            )
            return JSONResponse(document, 201 if created else 200)

        return put

    def _custom(self, name: str, properties: Document) -> Document:
        if properties.get("inputSchema", "EventGridSchema") != "EventGridSchema":
            raise not_imitated(f"inputSchema {properties['inputSchema']!r}: EventGridSchema only")
        endpoint = self._cloud.home.topic_endpoint(name, REGION)
        return {"endpoint": endpoint, "inputSchema": "EventGridSchema"}

    def _system(self, properties: Document) -> Document:
        if str(properties.get("source", "")).lower() != self._inventory.storage_id.lower():
            raise not_imitated(
                f"system topics of {properties.get('source')!r}: {self._inventory.storage_id} only"
            )
        return {"source": self._inventory.storage_id, "topicType": "Microsoft.Storage.StorageAccounts"}

    async def list_subscriptions(self, request: Request) -> Response:
        below = f"{request.url.path.rstrip('/')}/"
        return JSONResponse(
            {"value": [each for type_ in TYPES for each in self._inventory.all(type_, below)]}
        )

    def put_subscription(self, type_: str) -> Handler:
        async def put(request: Request) -> Response:
            id_, name = request.url.path.rstrip("/"), request.path_params["name"]
            body = await json_body(request)
            properties = properties_of(body)
            topic = source(self._inventory, id_.rsplit("/", 2)[0])
            subscription = Subscription.parse(name, topic, properties)
            check_function(self._inventory, name, properties)
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


def missing(request: Request, inventory: Inventory) -> AzureError:
    name = request.path_params.get("name") or request.path_params["topic"]
    return not_found("Microsoft.EventGrid", name, inventory.group)
