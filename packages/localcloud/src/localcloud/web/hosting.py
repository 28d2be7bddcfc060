"""The site's Functions host, as the cloud sees it: what the cloud tells it, and what it asks it.

The host is a process of its own (localcloud.functions). The cloud gives it the site by a file once the site
is deployed and has its code, and again when a setting changes. Which functions there are is asked of the
host and kept, as Azure does when it synchronises triggers. A stack may have no host, because `func start`
serves the app: then a short process of ours lists the functions.
"""

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import httpx

from localcloud import environment
from localcloud.functions import keys
from localcloud.functions.site import FLEX, HOSTED, SKU, STATUS, Site, package_of, read, site_file
from localcloud.inventory import SITE, Inventory
from localcloud.plain_http import no_trust
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.web import authentication
from localcloud.web.names import CONFIG, FUNCTION
from localcloud.wire import AzureError

log = logging.getLogger("localcloud.web")

KIND = "web.host"
START_LIMIT = 120.0
"""Seconds within which a host must have become its site; imports on a busy machine take long."""
POLL_SECONDS = 0.05
STATES = {"Placeholder": "Default", "Restarting": "Stopping"}
"""The host's own word for a state of ours (ScriptHostState.cs) where it has another."""
ANSWER_SECONDS = 10.0


class Hosting:
    """What the cloud keeps of a site beside its resource: {folder?, state, restarts}."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._inventory: Inventory = cloud.inventory
        self._file = site_file(cloud.home)
        self._hosted = os.environ.get(HOSTED) == "1"

    def state(self, site: str) -> str:
        """Running or Stopped, as clients have asked for."""
        return str(self._kept(site)["state"])

    async def start(self) -> None:
        """Tell the host its site, and list the functions again: the code may have changed meanwhile."""
        for each in self._inventory.all(SITE):
            self.tell(each["id"])
            if self._kept(each["id"])["folder"] and self.state(each["id"]) == "Running":
                self._cloud.operations.spawn(self._sync_later(each["id"]))

    async def publish(self, site: str, folder: Path) -> None:
        """Give a site its code, and return when its host runs and its functions are listed.

        Code that the host runs already changes nothing. Raises AzureError.
        """
        if not (folder / "host.json").is_file():
            message = f"{folder} holds no function app: host.json is missing."
            raise AzureError(400, "InvalidPackage", message)
        self._keep(site, folder=str(folder))
        status = await self._status() if self._hosted else {}
        if status.get("state") in ("Running", "Error") and status["package"] != package_of(folder):
            # The host has loaded other code, from this folder or another.
            self._keep(site, restarts=self._kept(site)["restarts"] + 1)
        self.tell(site)
        await self.sync(site)

    def tell(self, site: str) -> None:
        """Tell the host the site as it is now; a host restarts if that is something new."""
        kept = self._kept(site)
        if not kept["folder"]:
            return
        found = Site(
            str((self._inventory.get(site) or {})["name"]),
            Path(kept["folder"]),
            self.settings(site) | self._of_platform(site),
            kept["state"],
            kept["restarts"],
            self._rules(site),
        )
        known = read(self._file)
        if known is None or known.generation != found.generation:
            found.write(self._file)

    def settings(self, site: str) -> dict[str, str]:
        """The app settings that a site has been given."""
        found = self._inventory.get(f"{site}/config/appsettings")
        return dict(found["properties"]) if found else {}

    def authentication(self, site: str) -> Document:
        """The settings of App Service authentication that a site has been given."""
        found = self._inventory.get(f"{site}/config/{authentication.NAME}")
        return dict(found["properties"]) if found else {}

    def keep_authentication(self, site: str, properties: Document) -> None:
        self._inventory.put(CONFIG, f"{site}/config/{authentication.NAME}", {}, properties)

    def _rules(self, site: str) -> Document | None:
        properties = self.authentication(site)
        if not authentication.is_on(properties):
            return None
        return authentication.rules_of(properties, self._cloud.tokens.public_key)

    def keep_settings(self, site: str, settings: Document) -> None:
        self._inventory.put(CONFIG, f"{site}/config/appsettings", {}, settings)

    def follow(self, site: str) -> None:
        """Tell the host what has changed, and list the functions again in the background."""
        before = read(self._file)
        self.tell(site)
        if read(self._file) != before and self.state(site) == "Running":
            self._cloud.operations.spawn(self._sync_later(site))

    def restart(self, site: str, state: str | None = None) -> None:
        """Restart the host, or start or stop the site if `state` is given."""
        kept = self._kept(site)
        restarts = kept["restarts"] + (state is None)
        self._keep(site, restarts=restarts, state=state or kept["state"])
        self.follow(site)

    def remove(self, site: str) -> None:
        """Forget a site that is deleted; its host becomes a placeholder again."""
        self._cloud.store.delete(KIND, site.lower())
        self._file.unlink(missing_ok=True)

    async def going(self, site: Document) -> None:
        """Forget a site that is deleted with its group."""
        self.remove(site["id"])

    async def sync(self, site: str) -> None:
        """List the functions that the site's code has now, when its host runs. Raises AzureError."""
        if not self._kept(site)["folder"]:
            return
        listed = await (self._listed_by_host() if self._hosted else self._listed_by_process(site))
        known = {each["id"] for each in self._inventory.all(FUNCTION, f"{site}/")}
        for each in listed:
            id_ = f"{site}/functions/{each['name']}"
            self._inventory.put(FUNCTION, id_, {}, each)
            known.discard(id_)
        for id_ in known:
            self._inventory.delete(id_)

    async def status(self) -> Document:
        """What the host says of itself, with the names that Azure has for it. Raises AzureError."""
        found = await self._status()
        if found.get("state", "Stopped") == "Stopped":
            message = (
                f"Encountered an error ({'Forbidden' if found else 'ServiceUnavailable'}) from host runtime."
            )
            raise AzureError(400, "BadRequest", message)
        bundle = {"extensionBundle": found["extensionBundle"]} if "extensionBundle" in found else {}
        errors = {"errors": [found["error"]]} if found.get("error") else {}
        return {"state": STATES.get(found["state"], found["state"]), **errors, **bundle}

    def keys(self) -> keys.HostKeys:
        """The app's keys, which are made when they are first asked for."""
        return keys.load(self._cloud.home.root / "keys.json")

    async def _sync_later(self, site: str) -> None:
        try:
            await self.sync(site)
        except AzureError as error:
            log.warning("the functions of %s are not listed: %s", site, error)

    async def _listed_by_host(self) -> list[Document]:
        await self._becomes(read(self._file))
        async with self._client() as client:
            answer = await client.get("/admin/functions", headers={keys.HEADER: self.keys().master})
        answer.raise_for_status()
        found: list[Document] = answer.json()
        return found

    async def _becomes(self, site: Site | None) -> None:
        """Wait until the host has become `site`. Raises AzureError if it cannot."""
        deadline = asyncio.get_running_loop().time() + START_LIMIT
        status: Document = {}
        while asyncio.get_running_loop().time() < deadline:
            status = await self._status()
            if site is not None and status.get("site") == site.generation:
                if status["state"] == "Running":
                    return
                if status["state"] in ("Error", "Stopped"):
                    break
            await asyncio.sleep(POLL_SECONDS)
        reason = status.get("error") or f"it is {status.get('state', 'not reachable')}"
        message = f"Encountered an error (ServiceUnavailable) from host runtime: {reason}"
        raise AzureError(400, "BadRequest", message)

    async def _status(self) -> Document:
        """What the host says of itself; {} while it does not listen."""
        try:
            async with self._client() as client:
                found: Document = (await client.get(STATUS)).json()
                return found
        except (httpx.TransportError, ValueError):
            return {}

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._cloud.home.functions_url,
            verify=no_trust(),
            trust_env=False,
            timeout=ANSWER_SECONDS,
        )

    async def _listed_by_process(self, site: str) -> list[Document]:
        home = self._cloud.home
        folder = self._kept(site)["folder"]
        own = {**environment.of_functions(home, {}), **self.settings(site)}
        command = [
            *("-m", "localcloud.functions", "--app", folder, "--list"),
            "--keys",
            home.root / "keys.json",
        ]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            env=own,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(START_LIMIT):
                printed, errors = await process.communicate()
        except TimeoutError:
            message = f"Encountered an error (ServiceUnavailable) from host runtime: the code in {folder}"
            raise AzureError(
                400, "BadRequest", f"{message} did not list its functions within {START_LIMIT:g} s."
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            message = f"Encountered an error (InternalServerError) from host runtime: {errors.decode()}"
            raise AzureError(400, "BadRequest", message)
        found: list[Document] = json.loads(printed.splitlines()[-1])
        return found

    def _of_platform(self, site: str) -> dict[str, str]:
        """The variables that App Service adds to the settings of a site."""
        properties = (self._inventory.get(site) or {"properties": {}})["properties"]
        sku = {SKU: FLEX} if "functionAppConfig" in properties else {}
        # App Service sets it where its authentication is on ("Environment variables and app settings").
        on = {"WEBSITE_AUTH_ENABLED": "True"} if self._rules(site) else {}
        return (
            sku
            | on
            | {
                "FUNCTIONS_WORKER_RUNTIME": "python",
                "WEBSITE_HOSTNAME": self._cloud.home.site_host(site.rpartition("/")[2]),
                "WEBSITE_SITE_NAME": site.rpartition("/")[2],
                "WEBSITE_RESOURCE_GROUP": self._inventory.group,
            }
        )

    def _kept(self, site: str) -> dict[str, Any]:
        known = self._cloud.store.get(KIND, site.lower()) or {}
        return {"folder": "", "state": "Running", "restarts": 0, **known}

    def _keep(self, site: str, **changed: Any) -> None:
        self._cloud.store.put(KIND, site.lower(), self._kept(site) | changed)
