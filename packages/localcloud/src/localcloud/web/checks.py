"""What App Service refuses of a site on Flex Consumption, and what localcloud cannot run.

Sources: azure-docs flex-consumption-plan.md and functions-app-settings.md ("Flex Consumption plan
deprecations"); Bicep types Microsoft.Web@2025-03-01; for the sentences microsoft/azure-pipelines-tasks#21032,
Azure/azure-functions-host#10643 and #11908, Azure/terraform-azurerm-avm-res-web-site#283.
"""

import re
import sys
from typing import Any

from localcloud.inventory import Inventory, properties_of
from localcloud.providers import identities
from localcloud.store import Document
from localcloud.web.names import PLAN
from localcloud.wire import AzureError, not_imitated

NAME = re.compile(r"(?=.{2,60}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
SETTING = re.compile(r"[A-Za-z0-9_.]+")
OF_OTHER_PLANS = (
    "alwaysOn",
    "ftpsState",
    "functionAppScaleLimit",
    "functionsRuntimeScaleMonitoringEnabled",
    "linuxFxVersion",
    "netFrameworkVersion",
    "preWarmedInstanceCount",
    "use32BitWorkerProcess",
)
"""Properties of a siteConfig that Flex Consumption is known to refuse, and there may be more.

Some regions still ignore them.
"""
SETTINGS_OF_OTHER_PLANS = (
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "FUNCTIONS_MAX_HTTP_CONCURRENCY",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTOVERVNET",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_DNS_SERVER",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_NODE_DEFAULT_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_SKIP_CONTENTSHARE_VALIDATION",
    "WEBSITE_VNET_ROUTE_ALL",
    "XDT_MicrosoftApplicationInsights_Java",
)
"""App settings that have no place on Flex Consumption: some are refused everywhere, some in some regions."""
MEMORY_SIZES = (512, 2048, 4096)
MOST_INSTANCES = 1000
AUTHENTICATION = ("UserAssignedIdentity", "SystemAssignedIdentity", "StorageAccountConnectionString")


def check_site(inventory: Inventory, id_: str, body: Document) -> None:
    """Raises AzureError 400 for what Azure refuses, 501 for what localcloud does not imitate."""
    name = id_.rpartition("/")[2]
    if not NAME.fullmatch(name):
        raise bad(
            f"The site's name '{name}' must be 2 to 60 letters, digits and hyphens, with no hyphen at an end."
        )
    if not body.get("location"):
        message = "The location property is required for this definition."
        raise AzureError(400, "LocationRequired", message, target="location")
    if body.get("identity") is not None:
        identities.check(inventory, id_, body["identity"])
    properties = properties_of(body)
    config = properties.get("functionAppConfig")
    if plan := properties.get("serverFarmId"):
        found = inventory.get(str(plan))
        if found is None or found["type"] != PLAN:
            raise AzureError(
                404, "NotFound", f"Cannot find ServerFarm with name {str(plan).rpartition('/')[2]}."
            )
        if config is None:
            raise bad(
                "Site.FunctionAppConfig is invalid. The FunctionAppConfig section was not specified in the"
                " request, which is required for Flex Consumption sites. To proceed, please add the"
                " FunctionAppConfig section in your request."
            )
    if config is not None:
        check_site_config(properties.get("siteConfig") or {})
        check_deployment(body, config)
        check_scale(config.get("scaleAndConcurrency") or {})
        check_runtime(config.get("runtime") or {})


def check_site_config(config: Document) -> None:
    found = [f"Site.SiteConfig.{name[0].upper()}{name[1:]}" for name in OF_OTHER_PLANS if name in config]
    if found:
        raise invalid("site configuration", found)


def check_settings(settings: Document, *, flex: bool) -> None:
    """Raises AzureError for settings that App Service refuses, or that localcloud cannot resolve."""
    named = [name for name in settings if not SETTING.fullmatch(name)]
    if named:
        raise bad(
            f"The names of app settings may have letters, digits, periods and underscores only:"
            f" {', '.join(map(repr, named))}. Write '__' where a name has sections."
        )
    of_others = {name.upper() for name in SETTINGS_OF_OTHER_PLANS}
    found = [f"Site.SiteConfig.AppSettings.{name}" for name in settings if name.upper() in of_others]
    if flex and found:
        raise invalid("app setting", found)
    for name, value in settings.items():
        if str(value).startswith("@Microsoft."):
            raise not_imitated(f"references in app settings: {name} is {value!r}")


def check_deployment(body: Document, config: Document) -> None:
    """Check where the app's package is stored, and who may read it."""
    storage = (config.get("deployment") or {}).get("storage") or {}
    if storage.get("type", "").lower() != "blobcontainer" or not storage.get("value"):
        raise invalid_config("Deployment.Storage", "type must be blobContainer, and value a container's URL")
    sent = storage.get("authentication") or {}
    if sent.get("type") not in AUTHENTICATION:
        raise invalid_config("Deployment.Storage.Authentication", f"type must be one of {AUTHENTICATION}")
    if sent["type"] == "UserAssignedIdentity":
        own = [each.lower() for each in (body.get("identity") or {}).get("userAssignedIdentities") or {}]
        if str(sent.get("userAssignedIdentityResourceId", "")).lower() not in own:
            reason = "userAssignedIdentityResourceId must be an identity of the site"
            raise invalid_config("Deployment.Storage.Authentication", reason)


def check_scale(scale: Document) -> None:
    memory, most = scale.get("instanceMemoryMB", MEMORY_SIZES[1]), scale.get("maximumInstanceCount", 100)
    if memory not in MEMORY_SIZES:
        raise invalid_config("ScaleAndConcurrency.InstanceMemoryMB", f"{memory!r} is none of {MEMORY_SIZES}")
    if not is_whole(most) or not 1 <= most <= MOST_INSTANCES:
        reason = f"{most!r} is no whole number from 1 to {MOST_INSTANCES}"
        raise invalid_config("ScaleAndConcurrency.MaximumInstanceCount", reason)
    for each in scale.get("alwaysReady") or []:
        if not each.get("name") or not is_whole(each.get("instanceCount")):
            reason = "each needs a name and an instanceCount"
            raise invalid_config("ScaleAndConcurrency.AlwaysReady", reason)


def check_runtime(runtime: Document) -> None:
    """Raises AzureError 501 for another Python than the one that runs localcloud.

    Azure accepts any version, and a site with one that it does not know never starts (Azure-Functions#2666).
    """
    name, version = str(runtime.get("name", "")), str(runtime.get("version", ""))
    if not name or not version:
        raise invalid_config("Runtime", "name and version are required")
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if (name.lower(), version) != ("python", own):
        raise not_imitated(
            f"the runtime {name} {version}: this localcloud and its Functions host run on Python {own}"
        )


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def invalid(what: str, found: list[str]) -> AzureError:
    return bad(
        f"The following {what} ({','.join(found)}) for Flex Consumption sites is invalid."
        " Please remove or rename it before retrying."
    )


def invalid_config(where: str, reason: str) -> AzureError:
    return bad(f"Site.FunctionAppConfig.{where} is invalid: {reason}.")


def bad(message: str) -> AzureError:
    return AzureError(400, "BadRequest", message)
