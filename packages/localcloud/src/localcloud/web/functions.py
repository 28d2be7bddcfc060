"""The functions of a site, and the keys of its host.

Source: "Web Apps - List Functions", "Get Function", "List Host Keys", "Sync Functions", "Sync Function
Triggers" of 2025-03-01; what az and Core Tools read of them. The host's status is in no specification:
Azure/azure-functions-host, issue 4570, announces it, and the portal reads its properties (host-status.ts of
Azure/azure-functions-ux).
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import opened
from localcloud.inventory import Inventory
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.web.hosting import Hosting
from localcloud.web.names import FUNCTION, ONE_SITE
from localcloud.web.sites import find_site
from localcloud.wire import ArmRoute, AzureError, Handler


class Functions:
    """The handlers of functions and keys."""

    def __init__(self, cloud: Cloud, hosting: Hosting) -> None:
        self._cloud = cloud
        self._inventory: Inventory = cloud.inventory
        self._hosting = hosting

    def routes(self) -> list[BaseRoute]:
        def arm(method: str, path: str, handler: Handler) -> BaseRoute:
            return ArmRoute(method, f"{ONE_SITE}/{path}", opened(self._cloud, handler))

        return [
            arm("GET", "functions", self.list_all),
            arm("GET", "functions/{function}", self.get),
            arm("POST", "functions/{function}/listkeys", self.list_function_keys),
            arm("POST", "host/default/listkeys", self.list_host_keys),
            arm("GET", "host/default/properties/status", self.host_status),
            arm("POST", "host/default/sync", self.sync),
            arm("POST", "syncfunctiontriggers", self.sync),
        ]

    async def list_all(self, request: Request) -> Response:
        site = find_site(self._inventory, request.path_params["site"])
        found = self._inventory.all(FUNCTION, f"{site['id']}/")
        return JSONResponse({"value": [self._body(site, each) for each in found]})

    async def get(self, request: Request) -> Response:
        site, function = self._find(request)
        return JSONResponse(self._body(site, function))

    async def list_function_keys(self, request: Request) -> Response:
        """Answer with no key: the host's keys open every function, and no function has its own."""
        self._find(request)
        return JSONResponse({})

    async def list_host_keys(self, request: Request) -> Response:
        find_site(self._inventory, request.path_params["site"])
        keys = self._hosting.keys()
        return JSONResponse(
            {"masterKey": keys.master, "functionKeys": keys.functions, "systemKeys": keys.systems}
        )

    async def host_status(self, request: Request) -> Response:
        site = find_site(self._inventory, request.path_params["site"])
        id_ = f"{site['id']}/host/default/properties/status"
        return JSONResponse(
            {
                "id": id_,
                "name": site["name"],
                "type": "Microsoft.Web/sites/host/properties",
                "location": site.get("location"),
                "properties": await self._hosting.status(),
            }
        )

    async def sync(self, request: Request) -> Response:
        site = find_site(self._inventory, request.path_params["site"])
        await self._hosting.sync(site["id"])
        return Response(status_code=204)

    def _find(self, request: Request) -> tuple[Document, Document]:
        site, name = find_site(self._inventory, request.path_params["site"]), request.path_params["function"]
        found = self._inventory.get(f"{site['id']}/functions/{name}")
        if found is None:
            raise AzureError(404, "NotFound", f"Function with name '{name}' does not exist.")
        return site, found

    def _body(self, site: Document, function: Document) -> Document:
        """A function as Resource Manager returns it."""
        name, known = function["name"], function["properties"]
        origin = f"https://{self._cloud.home.site_host(site['name'].lower())}"
        invoked = known.get("invoke_url_template")
        return {
            "id": function["id"],
            "name": f"{site['name']}/{name}",
            "type": FUNCTION,
            "location": site.get("location"),
            "properties": {
                "name": name,
                "function_app_id": None,
                "href": f"{origin}/admin/functions/{name}",
                "config": {"name": name, "scriptFile": "function_app.py", **known.get("config", {})},
                "files": None,
                "invoke_url_template": invoked and f"{origin}{urlsplit(invoked).path}",
                "language": known.get("language", "python"),
                "isDisabled": bool(known.get("isDisabled")),
            },
        }
