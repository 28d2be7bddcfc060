"""The routes of one resource type: PUT, PATCH, GET, DELETE, and the lists of its resources."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import opened
from localcloud.inventory import Inventory
from localcloud.listing import right_to_list, visible
from localcloud.providers import checks, paths
from localcloud.providers.kinds import Kind
from localcloud.rights import Right
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, Handler, json_body

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
RESOURCE = f"{GROUP}/providers/{{provider}}/{{type}}/{{resource}}"
SCOPES = (
    GROUP,
    RESOURCE,
    f"{RESOURCE}/{{type2}}/{{resource2}}",
    f"{RESOURCE}/{{type2}}/{{resource2}}/{{type3}}/{{resource3}}",
)
"""Where a resource that extends another one may be."""


def routes(cloud: Cloud, kind: Kind) -> list[BaseRoute]:
    """All routes of a type."""
    handlers = Handlers(cloud, kind)
    cloud.on_deletion(kind.type, partial(kind.going, cloud))
    found: list[BaseRoute] = []
    for scope in SCOPES if kind.extends else (GROUP,):
        all_ = collection(kind, scope)
        one = f"{all_}/{{name}}"
        found += [
            handlers.route("GET", all_, handlers.list_below),
            handlers.route("GET", one, handlers.get),
            handlers.route("PUT", one, handlers.put),
            handlers.route("PATCH", one, handlers.patch),
            handlers.route("DELETE", one, handlers.delete),
        ]
    if not kind.parent and not kind.extends:
        everywhere = f"/subscriptions/{{subscription}}/providers/{kind.type}"
        found.append(handlers.route("GET", everywhere, handlers.list_all, right_to_list(everywhere)))
    return found


def collection(kind: Kind, scope: str = GROUP) -> str:
    """The path of a type's resources: a parent's name is {parent0}, {parent1}, …"""
    *parents, last = kind.segments
    above = "".join(f"/{segment}/{{parent{number}}}" for number, segment in enumerate(parents))
    return f"{scope}/providers/{kind.namespace}{above}/{last}"


class Handlers:
    """The handlers of one type."""

    def __init__(self, cloud: Cloud, kind: Kind) -> None:
        self.cloud = cloud
        self.kind = kind
        self.inventory: Inventory = cloud.inventory

    def route(self, method: str, path: str, handler: Handler, right: Right | None = None) -> BaseRoute:
        async def checked(request: Request) -> Response:
            checks.check_version(request, self.kind)
            return await handler(request)

        return ArmRoute(method, path, opened(self.cloud, checked), right)

    async def get(self, request: Request) -> Response:
        return JSONResponse(body(self.cloud, self.kind, self._existing(request)))

    async def put(self, request: Request) -> Response:
        return await self._store(request, await json_body(request))

    async def patch(self, request: Request) -> Response:
        return await self._store(request, paths.merged(self._existing(request), await json_body(request)))

    async def delete(self, request: Request) -> Response:
        found = self.inventory.get(id_of(request))
        if found is None:
            return Response(status_code=204)
        await self.kind.going(self.cloud, found)
        self.inventory.delete(found["id"])
        return Response(status_code=200)

    async def list_below(self, request: Request) -> Response:
        above = f"{id_of(request)}/"
        found = [each for each in self.inventory.all(self.kind.type, above) if is_child(each["id"], above)]
        return JSONResponse({"value": [body(self.cloud, self.kind, each) for each in found]})

    async def list_all(self, request: Request) -> Response:
        found = visible(self.cloud, request, self.inventory.all(self.kind.type))
        return JSONResponse({"value": [body(self.cloud, self.kind, each) for each in found]})

    async def _store(self, request: Request, wanted: Document) -> Response:
        sent = checks.accepted(self.cloud, self.kind, id_of(request), wanted)
        document, created = self.inventory.put(self.kind.type, sent.id, sent.body, sent.properties)
        try:
            await self.kind.made(self.cloud, document)
        except AzureError:
            if created:
                self.inventory.delete(document["id"])
            raise
        status = self.kind.created if created else 200
        return JSONResponse(body(self.cloud, self.kind, document), status)

    def _existing(self, request: Request) -> Document:
        """Raises AzureError 404."""
        found = self.inventory.get(id_of(request))
        if found is None:
            raise checks.missing(self.inventory, id_of(request))
        return found


def id_of(request: Request) -> str:
    return request.url.path.rstrip("/")


def is_child(id_: str, above: str) -> bool:
    return "/" not in id_[len(above) :]


def body(cloud: Cloud, kind: Kind, document: Document) -> Document:
    """A stored resource as Resource Manager returns it: with what Azure adds, without secrets."""
    found = document | {"properties": document["properties"] | kind.computed(cloud, document)}
    return paths.without(found, kind.secret)
