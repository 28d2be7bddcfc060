"""What Azure Functions Core Tools (`func start`) needs to serve the app of a deployed site on this machine.

The host of Core Tools has no managed identity, so it cannot use the site's own storage account where that
one refuses keys. As a developer does with `az storage account create`, it gets an account of its own, which
allows keys. Source: "Code and test Azure Functions locally" (AzureWebJobsStorage) and "local.settings.json".
"""

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from localcloud import certificates, environment, private_files
from localcloud.controls import ControlsError
from localcloud.credentials import Principal
from localcloud.functions import keys
from localcloud.home import REGION, SUBSCRIPTION, Home

Json = dict[str, Any]

SETTINGS_FILE = "local.settings.json"
WEB_VERSION = "2025-03-01"
STORAGE_VERSION = "2025-08-01"
OF_HOST = ("APPLICATIONINSIGHTS_", "AzureWebJobsStorage__", "FUNCTIONS_", "WEBSITE_")
"""Prefixes of the settings of a site that are about its host in Azure, not about the app."""


class NoSiteError(ControlsError):
    """No site is deployed to the cloud."""


def site_settings(home: Home) -> dict[str, str]:
    """The app settings of the deployed site. Raises NoSiteError, and httpx.HTTPError."""
    with manager(home) as arm:
        return settings_of(arm, site_of(arm, home))


def write_settings(home: Home, folder: Path, *, force: bool = False) -> Path:
    """Write local.settings.json for `func start` to the app's folder; return the file.

    The cloud must run: the file holds the settings of its site, and the key of an account that is made for
    Core Tools. Raises FileExistsError if the file exists, unless `force`; NoSiteError, and httpx.HTTPError.
    """
    file = folder / SETTINGS_FILE
    if file.exists() and not force:
        raise FileExistsError(f"{file} exists already.")
    certificates.ensure(home)
    with manager(home) as arm:
        site = site_of(arm, home)
        content = local_settings(home, settings_of(arm, site), storage(arm, home, site))
    # Event Grid delivers with a key. localcloud's own host would make it; Core Tools does not.
    keys.load(home.root / "keys.json")
    private_files.replace(file, json.dumps(content, indent=2) + "\n")
    return file


def local_settings(home: Home, settings: Mapping[str, str], connection: str) -> Json:
    """The content of local.settings.json for a site's settings and a connection string of storage.

    What names the site's own storage and platform is left out.
    """
    own = environment.of_app(home, settings)
    return {
        "IsEncrypted": False,
        "Values": {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "AzureWebJobsStorage": connection,
            **{name: value for name, value in own.items() if not name.startswith(OF_HOST)},
        },
    }


def storage(arm: httpx.Client, home: Home, site: str) -> str:
    """The connection string of the account of Core Tools, which is made beside the site if it is missing."""
    name = f"coretools{home.id}"
    group = site.partition("/providers/")[0]
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    body = {
        "location": REGION,
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"allowSharedKeyAccess": True},
    }
    asked(arm, "PUT", account, STORAGE_VERSION, json=body)
    key = asked(arm, "POST", f"{account}/listKeys", STORAGE_VERSION)["keys"][0]["value"]
    parts = ("DefaultEndpointsProtocol=https", f"AccountName={name}", f"AccountKey={key}")
    return ";".join([*parts, f"EndpointSuffix=core.{home.suffix}"])


def site_of(arm: httpx.Client, home: Home) -> str:
    """The id of the deployed site. Raises NoSiteError."""
    listed = asked(arm, "GET", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Web/sites", WEB_VERSION)
    if not listed["value"]:
        raise NoSiteError(f"no site is deployed to {home.root}: deploy one, then try again.")
    return str(listed["value"][0]["id"])


def settings_of(arm: httpx.Client, site: str) -> dict[str, str]:
    return dict(asked(arm, "POST", f"{site}/config/appsettings/list", WEB_VERSION)["properties"])


def asked(arm: httpx.Client, method: str, path: str, version: str, **request: Any) -> Json:
    answer = arm.request(method, path, params={"api-version": version}, **request)
    found: Json = answer.raise_for_status().json()
    return found


def manager(home: Home) -> httpx.Client:
    """A client of Resource Manager as the person."""
    token = Principal(home).get_token(home.resource_manager).token
    return httpx.Client(
        base_url=home.resource_manager,
        headers={"Authorization": f"Bearer {token}"},
        verify=ssl.create_default_context(cafile=home.ca_bundle),
        proxy=home.proxy,
    )
