"""App Service authentication of a site, as far as localcloud imitates it: callers bring a token of the cloud.

What it would do beyond that (a sign-in in a browser, sessions, other providers, groups and lists of clients)
answers 501. localcloud has no registrations of applications. It takes the one that a site names for one whose
tokens have the version of the site's issuer; others Azure refuses.

Source: Microsoft.Web@2025-03-01, SiteAuthSettingsV2; "Configure your App Service or Azure Functions app to
use Microsoft Entra sign-in"; for excluded paths MicrosoftDocs/azure-docs#86514.
"""

from typing import Any

from localcloud.home import TENANT
from localcloud.inventory import SITE, Inventory
from localcloud.store import Document
from localcloud.tokens import ISSUER, Application
from localcloud.web.checks import bad
from localcloud.wire import not_imitated

NAME = "authsettingsV2"
PROVIDER = "azureActiveDirectory"
VERSION_2 = "/v2.0"
IMITATED: dict[str, Any] = {
    "platform": {"enabled": None},
    "globalValidation": {
        "requireAuthentication": True,
        "unauthenticatedClientAction": "Return401",
        "excludedPaths": None,
    },
    "httpSettings": {"requireHttps": True},
    "identityProviders": {
        PROVIDER: {
            "enabled": True,
            "registration": {"clientId": None, "openIdIssuer": None},
            "validation": {"allowedAudiences": None},
        }
    },
    "login": {"tokenStore": {"enabled": False}},
}
"""The properties that localcloud knows, and their values; None: any value."""


def check(properties: Document) -> None:
    """Raises AzureError 400 for what makes no sense, 501 for what localcloud does not imitate."""
    refuse_others(properties, IMITATED, NAME)
    if not is_on(properties):
        return
    missing = [
        name
        for name, value in (
            (
                "globalValidation.requireAuthentication",
                part(properties, "globalValidation").get("requireAuthentication"),
            ),
            (f"identityProviders.{PROVIDER}.registration.clientId", registration(properties).get("clientId")),
        )
        if not value
    ]
    if missing:
        raise not_imitated(f"an authentication that is on, without {', '.join(missing)}")
    if TENANT not in str(registration(properties).get("openIdIssuer", "")):
        raise bad(f"openIdIssuer must be of the tenant {TENANT}.")
    for each in (audiences(properties), excluded_paths(properties)):
        if not isinstance(each, list) or not all(isinstance(text, str) and text for text in each):
            raise bad("allowedAudiences and excludedPaths must be lists of texts.")


def refuse_others(found: Any, known: Any, where: str) -> None:
    """Raises AzureError for a property, or a value of one, that is not in `known`."""
    if isinstance(known, dict):
        if not isinstance(found, dict):
            raise bad(f"{where} must be an object.")
        for name, value in found.items():
            if name not in known:
                raise not_imitated(f"{name} in {where}")
            refuse_others(value, known[name], f"{where}.{name}")
    elif known is not None and found != known:
        raise not_imitated(f"{where} = {found!r}")


def is_on(properties: Document) -> bool:
    return part(properties, "platform").get("enabled") is True


def rules_of(properties: Document, public_key: str) -> Document:
    """What the host of a site needs to know: see localcloud.functions.authentication.Rules.

    The client id is an allowed audience, whether or not it is listed.
    """
    client_id = registration(properties)["clientId"]
    return {
        "audiences": [client_id, *(each for each in audiences(properties) if each != client_id)],
        "excluded": excluded_paths(properties),
        "public_key": public_key,
        "issuer": issuer(properties),
    }


def issuer(properties: Document) -> str:
    """The issuer that tokens must name: of version 2.0 if the configured one is, else of version 1.0."""
    configured = str(registration(properties)["openIdIssuer"])
    return configured if configured.endswith(VERSION_2) else ISSUER


def application(inventory: Inventory, resource: str) -> Application | None:
    """The application that `resource` names, if it is a site's whose callers bring tokens of version 2.0."""
    for site in inventory.all(SITE):
        properties = (inventory.get(f"{site['id']}/config/{NAME}") or {"properties": {}})["properties"]
        if is_on(properties) and issuer(properties) != ISSUER:
            client_id = registration(properties)["clientId"]
            if resource in (client_id, f"api://{client_id}"):
                return Application(client_id, issuer(properties))
    return None


def part(properties: Document, *names: str) -> Document:
    found: Any = properties
    for name in names:
        found = found.get(name) or {}
    return dict(found)


def registration(properties: Document) -> Document:
    return part(properties, "identityProviders", PROVIDER, "registration")


def audiences(properties: Document) -> Any:
    return part(properties, "identityProviders", PROVIDER, "validation").get("allowedAudiences") or []


def excluded_paths(properties: Document) -> Any:
    return part(properties, "globalValidation").get("excludedPaths") or []
