"""Resource groups, and the resources in them. A localcloud has at most one group at a time.

Sources: "Resource Groups" and "Resources - List By Resource Group" of the Resource Manager REST API.
"""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import known_subscription, opened
from localcloud.inventory import GROUP, Inventory, properties_of
from localcloud.listing import right_to_list, visible
from localcloud.providers import paths
from localcloud.providers.checks import check_tags
from localcloud.regions import region_of
from localcloud.service import Cloud, Service
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, Handler, api_version, json_body, not_imitated

NAME = re.compile(r"[-\w.()]{0,89}[-\w()]")
TERM = re.compile(r"(\w+) eq '([^']*)'")
SHOWN = ("id", "name", "type", "kind", "sku", "location", "identity", "tags")
"""What a list of resources tells of each."""


def service(cloud: Cloud) -> Service:
    return Service("groups", Groups(cloud).routes())


class Groups:
    """The handlers of resource groups."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.inventory: Inventory = cloud.inventory

    def routes(self) -> list[BaseRoute]:
        below = "/subscriptions/{subscription}"
        one = f"{below}/resourceGroups/{{group}}"
        return [
            self.listed(f"{below}/resourceGroups", self.list_groups),
            self.listed(f"{below}/resources", self.list_resources),
            ArmRoute("GET", one, opened(self.cloud, self.get)),
            ArmRoute("HEAD", one, self.unscoped(self.exists)),
            ArmRoute("PUT", one, self.unscoped(self.put)),
            ArmRoute("PATCH", one, opened(self.cloud, self.patch)),
            ArmRoute("DELETE", one, opened(self.cloud, self.delete)),
            ArmRoute("GET", f"{one}/resources", opened(self.cloud, self.list_resources)),
        ]

    def listed(self, path: str, handler: Handler) -> BaseRoute:
        return ArmRoute("GET", path, opened(self.cloud, handler), right_to_list(path))

    def unscoped(self, handler: Handler) -> Handler:
        """Wrap a handler of a group that need not exist."""

        async def checked(request: Request) -> Response:
            self.cloud.arm_caller(request)
            api_version(request)
            known_subscription(request)
            return await handler(request)

        return checked

    async def list_groups(self, request: Request) -> Response:
        wanted = {name.lower(): value for name, value in terms(request, "tagName", "tagValue").items()}
        groups = visible(self.cloud, request, self.inventory.all(GROUP))
        found = [each for each in groups if has_tag(each, wanted)]
        return JSONResponse({"value": [group_body(each) for each in found]})

    async def get(self, request: Request) -> Response:
        return JSONResponse(group_body(self._found(request)))

    async def exists(self, request: Request) -> Response:
        return Response(status_code=204 if self.inventory.get(id_of(request)) else 404)

    async def put(self, request: Request) -> Response:
        id_, body = id_of(request), await json_body(request)
        check_group(id_.rpartition("/")[2], body, self.inventory.get(id_))
        self.inventory.refuse_another(GROUP, id_)
        document, created = self.inventory.put(GROUP, id_, body, properties_of(body))
        return JSONResponse(group_body(document), 201 if created else 200)

    async def patch(self, request: Request) -> Response:
        """Only tags and managedBy can be changed."""
        found, body = self._found(request), await json_body(request)
        changed = paths.merged(found, {name: body[name] for name in ("tags",) if name in body})
        check_tags(changed)
        document, _ = self.inventory.put(GROUP, found["id"], changed, found["properties"])
        return JSONResponse(group_body(document))

    async def delete(self, request: Request) -> Response:
        """Delete a group, all its resources and its deployments."""
        found = self._found(request)
        for each in (*self._resources(found["id"]), found):
            await self.cloud.going(each)
        self.inventory.delete(found["id"])
        return Response(status_code=200)

    async def list_resources(self, request: Request) -> Response:
        scope = request.url.path.rstrip("/").rpartition("/")[0]
        wanted = terms(request, "resourceType", "name", "location", "resourceGroup")
        found = self._resources(scope)
        if "group" not in request.path_params:
            found = visible(self.cloud, request, found)
        listed = [{name: each[name] for name in SHOWN if name in each} for each in found]
        return JSONResponse({"value": [each for each in listed if meets(each, wanted)]})

    def _resources(self, scope: str) -> list[Document]:
        return [each for each in self.inventory.everything(f"{scope}/") if is_top_level(each)]

    def _found(self, request: Request) -> Document:
        found = self.inventory.get(id_of(request))
        assert found is not None
        return found


def id_of(request: Request) -> str:
    return request.url.path.rstrip("/")


def is_top_level(document: Document) -> bool:
    """Whether a resource is one of a group, with no parent, and not one that extends others, as roles do."""
    return (
        "location" in document
        and str(document["type"]).count("/") == 1
        and str(document["id"]).count("/") == 8
    )


def terms(request: Request, *known: str) -> dict[str, str]:
    """The values in a $filter such as `resourceType eq '…' and name eq '…'`, by their names."""
    text = request.query_params.get("$filter", "")
    found = {}
    for part in text.split(" and ") if text else ():
        term = TERM.fullmatch(part.strip())
        if term is None or term[1].lower() not in {each.lower() for each in known}:
            raise not_imitated(f"$filter of resources by {part!r}: {', '.join(known)} eq '…' only")
        found[term[1].lower()] = term[2]
    return found


def meets(document: Document, wanted: dict[str, str]) -> bool:
    asked = {"resourcetype": document["type"], "name": document["name"]}
    asked["location"] = region_of(document.get("location", ""))
    # az 2.91 asks so for the resources of a group.
    asked["resourcegroup"] = str(document["id"]).split("/")[4]
    return all(asked[name].lower() == value.lower() for name, value in wanted.items())


def has_tag(document: Document, wanted: dict[str, str]) -> bool:
    tags = document.get("tags") or {}
    name = wanted.get("tagname")
    return name is None or (name in tags and wanted.get("tagvalue", tags[name]) == tags[name])


def check_group(name: str, body: Document, earlier: Document | None) -> None:
    """Raise AzureError for a name or a location that a group cannot have."""
    if not NAME.fullmatch(name):
        message = (
            f"The provided resource group name '{name}' has these invalid characters: it has at most 90"
            " letters, digits, - _ . ( and ), and does not end with a period."
        )
        raise AzureError(400, "InvalidResourceGroup", message)
    location = body.get("location")
    if not isinstance(location, str) or not location:
        raise AzureError(400, "LocationRequired", "The location property is required for this definition.")
    if earlier is not None and region_of(earlier["location"]) != region_of(location):
        message = (
            f"Invalid resource group location '{location}'. The Resource group already exists in location"
            f" '{earlier['location']}'."
        )
        raise AzureError(409, "InvalidResourceGroupLocation", message)
    check_tags(body)


def group_body(document: Document) -> Document:
    """A resource group as Resource Manager returns it."""
    return document | {"properties": document["properties"] | {"provisioningState": "Succeeded"}}
