"""A Resource Manager in this process, for tests: without storage and without a port.

async with manager(tmp_path) as arm:
    answer = await arm.send("PUT", GROUP, {"location": "westeurope"})
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from localcloud import certificates
from localcloud.cloud import SERVICES, plain_app, tls_app
from localcloud.faults import Faults
from localcloud.home import SUBSCRIPTION, Home, Ports
from localcloud.persons import person
from localcloud.service import Cloud
from localcloud.store import Store
from localcloud.tokens import Tokens
from localcloud.wire import Operations

ROOT = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{ROOT}/resourceGroups/lab"
VERSION = {"api-version": "2025-04-01"}
Json = dict[str, Any]


class Manager:
    """Sends requests to Resource Manager and to localcloud's controls as the cloud's person."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        services = [make(cloud) for make in SERVICES]
        self.app = app = tls_app(cloud, services)
        token, _ = cloud.tokens.issue(person("person"), cloud.home.resource_manager)
        headers = {"Authorization": f"Bearer {token}"}
        base = cloud.home.resource_manager
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, headers=headers)
        key = {"X-Localcloud-Key": cloud.home.control_key}
        self.controls = httpx.AsyncClient(
            transport=httpx.ASGITransport(plain_app(cloud, services, app)),
            base_url=cloud.home.control_url,
            headers=headers | key,
        )

    async def send(self, method: str, path: str, body: Json | None = None, /, **query: Any) -> httpx.Response:
        return await self.http.request(method, path, params=VERSION | query, json=body)

    async def ended(self, id_: str) -> Json:
        """The properties of a deployment that has ended."""
        while True:
            answer = await self.send("GET", id_)
            properties: Json = answer.json()["properties"]
            if properties["provisioningState"] not in ("Accepted", "Running", "Canceling"):
                return properties
            await asyncio.sleep(0)


@asynccontextmanager
async def manager(folder: Path) -> AsyncIterator[Manager]:
    home = Home.open(folder, Ports.free())
    certificates.ensure(home)
    store = Store(home.root / "cloud.sqlite")
    cloud = Cloud(home, store, Tokens(home), Operations(store, home.resource_manager), Faults())
    opened = Manager(cloud)
    try:
        yield opened
    finally:
        await cloud.operations.stop()
        await opened.http.aclose()
        await opened.controls.aclose()
        store.close()
