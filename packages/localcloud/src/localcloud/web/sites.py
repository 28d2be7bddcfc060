"""Sites: function apps on Flex Consumption, of which a localcloud runs one.

As in Azure, a GET of the site leaves the settings out, and POST config/appsettings/list returns them. Every
change of a setting restarts the host. Source: "Web Apps - Create Or Update", "Update Application Settings",
"List Application Settings", "Restart", "Start", "Stop" of 2025-03-01.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import opened
from localcloud.inventory import SITE, Inventory, not_found, properties_of
from localcloud.listing import right_to_list, visible
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.web import authentication
from localcloud.web.checks import bad, check_settings, check_site
from localcloud.web.hosting import Hosting
from localcloud.web.names import CONFIG, GROUP, ONE_SITE, POLICY
from localcloud.wire import ArmRoute, AzureError, Handler, json_body

EVERYWHERE = f"/subscriptions/{{subscription}}/providers/{SITE}"
POLICIES = ("ftp", "scm")


class Sites:
    """The handlers of sites, of their settings and of what publishes to them."""

    def __init__(self, cloud: Cloud, hosting: Hosting) -> None:
        self._cloud = cloud
        self._inventory: Inventory = cloud.inventory
        self._hosting = hosting

    def routes(self) -> list[BaseRoute]:
        def arm(method: str, path: str, handler: Handler) -> BaseRoute:
            return ArmRoute(method, path, opened(self._cloud, handler))

        policy = f"{ONE_SITE}/basicPublishingCredentialsPolicies"
        return [
            arm("GET", f"{GROUP}/{SITE}", self.list_all),
            ArmRoute("GET", EVERYWHERE, opened(self._cloud, self.list_visible), right_to_list(EVERYWHERE)),
            arm("GET", ONE_SITE, self.get),
            arm("PUT", ONE_SITE, self.put),
            arm("PATCH", ONE_SITE, self.patch),
            arm("DELETE", ONE_SITE, self.delete),
            arm("POST", f"{ONE_SITE}/restart", self.ask(self._hosting.restart)),
            arm("POST", f"{ONE_SITE}/stop", self.ask(lambda site: self._hosting.restart(site, "Stopped"))),
            arm("POST", f"{ONE_SITE}/start", self.ask(lambda site: self._hosting.restart(site, "Running"))),
            arm("PUT", f"{ONE_SITE}/config/appsettings", self.put_settings),
            arm("POST", f"{ONE_SITE}/config/appsettings/list", self.list_settings),
            arm("GET", f"{ONE_SITE}/config/web", self.get_config),
            arm("PUT", f"{ONE_SITE}/config/{authentication.NAME}", self.put_authentication),
            arm("GET", f"{ONE_SITE}/config/{authentication.NAME}", self.get_authentication),
            arm("GET", policy, self.list_policies),
            arm("GET", f"{policy}/{{policy}}", self.get_policy),
            arm("PUT", f"{policy}/{{policy}}", self.put_policy),
        ]

    def find(self, request: Request) -> Document:
        """The site that a path names. Raises AzureError 404."""
        return find_site(self._inventory, request.path_params["site"])

    async def list_visible(self, request: Request) -> Response:
        found = visible(self._cloud, request, self._inventory.all(SITE))
        return JSONResponse({"value": [self._body(each) for each in found]})

    async def list_all(self, _: Request) -> Response:
        return JSONResponse({"value": [self._body(each) for each in self._inventory.all(SITE)]})

    async def get(self, request: Request) -> Response:
        return JSONResponse(self._body(self.find(request)))

    async def put(self, request: Request) -> Response:
        self._inventory.refuse_another(SITE, request.url.path.rstrip("/"))
        return await self._write(request, await json_body(request))

    async def patch(self, request: Request) -> Response:
        known, sent = self.find(request), await json_body(request)
        properties = known["properties"] | properties_of(sent)
        return await self._write(request, {**known, **sent, "properties": properties})

    async def _write(self, request: Request, body: Document) -> Response:
        id_ = request.url.path.rstrip("/")
        check_site(self._inventory, id_, body)
        properties = properties_of(body)
        listed = (properties.get("siteConfig") or {}).get("appSettings")
        settings = None if listed is None else settings_of(listed)
        if settings is not None:
            check_settings(settings, flex="functionAppConfig" in properties)
        document, _ = self._inventory.put(SITE, id_, body, without(properties))
        if settings is not None:
            self._hosting.keep_settings(document["id"], settings)
        self._hosting.follow(document["id"])
        return JSONResponse(self._body(document))

    async def delete(self, request: Request) -> Response:
        id_ = request.url.path.rstrip("/")
        if not self._inventory.delete(id_):
            return Response(status_code=204)
        self._hosting.remove(id_)
        return Response(status_code=200)

    def ask(self, what: Callable[[str], None]) -> Handler:
        async def answer(request: Request) -> Response:
            what(self.find(request)["id"])
            return Response(status_code=200)

        return answer

    async def put_settings(self, request: Request) -> Response:
        site = self.find(request)
        settings = {name: str(value) for name, value in properties_of(await json_body(request)).items()}
        check_settings(settings, flex="functionAppConfig" in site["properties"])
        self._hosting.keep_settings(site["id"], settings)
        self._hosting.follow(site["id"])
        return JSONResponse(config_body(site, "appsettings", settings))

    async def list_settings(self, request: Request) -> Response:
        site = self.find(request)
        return JSONResponse(config_body(site, "appsettings", self._hosting.settings(site["id"])))

    async def get_config(self, request: Request) -> Response:
        site = self.find(request)
        defaults = {"numberOfWorkers": 1, "alwaysOn": False, "appCommandLine": "", "linuxFxVersion": ""}
        return JSONResponse(config_body(site, "web", defaults | (site["properties"].get("siteConfig") or {})))

    async def put_authentication(self, request: Request) -> Response:
        site, properties = self.find(request), properties_of(await json_body(request))
        authentication.check(properties)
        self._hosting.keep_authentication(site["id"], properties)
        self._hosting.follow(site["id"])
        return JSONResponse(config_body(site, authentication.NAME, properties))

    async def get_authentication(self, request: Request) -> Response:
        site = self.find(request)
        found = self._hosting.authentication(site["id"]) or {"platform": {"enabled": False}}
        return JSONResponse(config_body(site, authentication.NAME, found))

    async def list_policies(self, request: Request) -> Response:
        site = self.find(request)
        return JSONResponse({"value": [self._policy(site, name) for name in POLICIES]})

    async def get_policy(self, request: Request) -> Response:
        return JSONResponse(self._policy(self.find(request), known_policy(request)))

    async def put_policy(self, request: Request) -> Response:
        site, name = self.find(request), known_policy(request)
        allow = properties_of(await json_body(request)).get("allow")
        if not isinstance(allow, bool):
            raise bad(f"properties.allow of the policy '{name}' must be true or false.")
        id_ = f"{site['id']}/basicPublishingCredentialsPolicies/{name}"
        self._inventory.put(POLICY, id_, {}, {"allow": allow})
        return JSONResponse(self._policy(site, name))

    def _policy(self, site: Document, name: str) -> Document:
        id_ = f"{site['id']}/basicPublishingCredentialsPolicies/{name}"
        found = self._inventory.get(id_)
        properties = found["properties"] if found else {"allow": True}
        return {
            "id": id_,
            "name": name,
            "type": POLICY,
            "location": site.get("location"),
            "properties": properties,
        }

    def _body(self, document: Document) -> Document:
        """A site as Resource Manager returns it."""
        host = self._cloud.home.site_host(document["name"].lower())
        publishing = host.replace(".", ".scm.", 1)
        computed = {
            "state": self._hosting.state(document["id"]),
            "enabled": True,
            "usageState": "Normal",
            "reserved": True,
            "repositorySiteName": document["name"],
            "defaultHostName": host,
            "hostNames": [host],
            "enabledHostNames": [host, publishing],
            "hostNameSslStates": [
                {"name": host, "sslState": "Disabled", "hostType": "Standard"},
                {"name": publishing, "sslState": "Disabled", "hostType": "Repository"},
            ],
        }
        return {"kind": "functionapp,linux", **document, "properties": document["properties"] | computed}


def find_site(inventory: Inventory, name: str) -> Document:
    """The site of that name. Raises AzureError 404."""
    found = inventory.one(SITE)
    if found is None or found["name"].lower() != name.lower():
        raise not_found(SITE, name, inventory.group)
    return found


def settings_of(listed: object) -> dict[str, str]:
    """Names and values of a siteConfig's appSettings. Raises AzureError 400."""
    try:
        return {str(each["name"]): str(each["value"]) for each in listed}  # type: ignore[attr-defined]
    except (TypeError, KeyError):
        message = "siteConfig.appSettings must be a list of objects with name and value."
        raise AzureError(400, "BadRequest", message, target="siteConfig.appSettings") from None


def without(properties: Document) -> Document:
    """Properties without the app settings, which a GET does not return."""
    config = properties.get("siteConfig")
    if not config:
        return properties
    return properties | {"siteConfig": {name: each for name, each in config.items() if name != "appSettings"}}


def config_body(site: Document, name: str, properties: Document) -> Document:
    return {
        "id": f"{site['id']}/config/{name}",
        "name": name,
        "type": CONFIG,
        "location": site.get("location"),
        "properties": properties,
    }


def known_policy(request: Request) -> str:
    name = str(request.path_params["policy"]).lower()
    if name not in POLICIES:
        raise bad(f"There is no publishing policy '{name}': {' or '.join(POLICIES)}.")
    return name
