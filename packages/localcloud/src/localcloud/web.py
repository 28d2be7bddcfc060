"""App Service: the site that the Functions host serves, with its settings.

The Functions host reads its settings from the stack's specification; these routes only let clients read them.
As in Azure, a GET of the site leaves the settings out, and POST config/appsettings/list returns them.
Source: "Web Apps - Create Or Update", "Update Application Settings" and "List Application Settings" of
2024-11-01.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import opened
from localcloud.home import REGION
from localcloud.inventory import SITE, not_found, properties_of
from localcloud.service import Cloud, Service
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, json_body

SITES = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{SITE}"
CONFIG = f"{SITE}/config"
OF_OTHER_PLANS = (
    "ftpsState",
    "functionsRuntimeScaleMonitoringEnabled",
    "linuxFxVersion",
    "netFrameworkVersion",
    "use32BitWorkerProcess",
)
"""Properties of a siteConfig that Flex Consumption is known to refuse, and there may be more.

Some regions still ignore them. Sources: microsoft/azure-pipelines-tasks, issue 21032;
Azure/terraform-azurerm-avm-res-web-site, issue 283.
"""


def service(cloud: Cloud) -> Service:
    inventory = cloud.inventory

    def site(request: Request) -> Document:
        name = request.path_params["site"]
        found = inventory.one(SITE)
        if found is None or found["name"].lower() != name.lower():
            raise not_found(SITE, name, inventory.group)
        return found

    def keep_settings(id_: str, settings: Document) -> None:
        inventory.put(CONFIG, f"{id_}/config/appsettings", {}, settings)

    async def list_all(_: Request) -> Response:
        return JSONResponse({"value": [site_body(cloud, each) for each in inventory.all(SITE)]})

    async def get(request: Request) -> Response:
        return JSONResponse(site_body(cloud, site(request)))

    async def put(request: Request) -> Response:
        id_ = request.url.path.rstrip("/")
        inventory.refuse_another(SITE, id_)
        body = await json_body(request)
        properties = properties_of(body)
        refuse_properties_of_other_plans(properties)
        listed = (properties.get("siteConfig") or {}).get("appSettings")
        if listed is not None:
            keep_settings(id_, settings_of(listed))
        document, created = inventory.put(SITE, id_, body, properties)
        return JSONResponse(site_body(cloud, document), 201 if created else 200)

    async def put_settings(request: Request) -> Response:
        id_ = site(request)["id"]
        settings = {name: str(value) for name, value in properties_of(await json_body(request)).items()}
        keep_settings(id_, settings)
        return JSONResponse(settings_body(id_, settings))

    async def list_settings(request: Request) -> Response:
        id_ = site(request)["id"]
        settings = inventory.get(f"{id_}/config/appsettings")
        return JSONResponse(settings_body(id_, settings["properties"] if settings else {}))

    one = f"{SITES}/{{site}}"
    routes: list[BaseRoute] = [
        ArmRoute("GET", SITES, opened(cloud, list_all)),
        ArmRoute("GET", one, opened(cloud, get)),
        ArmRoute("PUT", one, opened(cloud, put)),
        ArmRoute("PUT", f"{one}/config/appsettings", opened(cloud, put_settings)),
        ArmRoute("POST", f"{one}/config/appsettings/list", opened(cloud, list_settings)),
    ]
    return Service("web", routes)


def refuse_properties_of_other_plans(properties: Document) -> None:
    """Raises AzureError 400 for a site of Flex Consumption whose siteConfig has properties of other plans."""
    config = properties.get("siteConfig") or {}
    found = ",".join(
        f"Site.SiteConfig.{name[0].upper()}{name[1:]}" for name in OF_OTHER_PLANS if name in config
    )
    if found and "functionAppConfig" in properties:
        message = f"The site configuration ({found}) for Flex Consumption sites is invalid."
        raise AzureError(400, "BadRequest", f"{message} Please remove or rename it before retrying.")


def settings_of(listed: object) -> dict[str, str]:
    """Names and values of a siteConfig's appSettings. Raises AzureError 400."""
    try:
        return {str(each["name"]): str(each["value"]) for each in listed}  # type: ignore[attr-defined]
    except (TypeError, KeyError):
        message = "siteConfig.appSettings must be a list of objects with name and value."
        raise AzureError(400, "BadRequest", message, target="siteConfig.appSettings") from None


def site_body(cloud: Cloud, document: Document) -> Document:
    """A site as Resource Manager returns it."""
    config = {
        name: value
        for name, value in (document["properties"].get("siteConfig") or {}).items()
        if name != "appSettings"
    }
    computed = {
        "siteConfig": config,
        "state": "Running",
        "enabled": True,
        "defaultHostName": cloud.home.functions_url.partition("://")[2],
    }
    return {"location": REGION, **document, "properties": document["properties"] | computed}


def settings_body(site: str, settings: Document) -> Document:
    return {
        "id": f"{site}/config/appsettings",
        "name": "appsettings",
        "type": CONFIG,
        "properties": settings,
    }
