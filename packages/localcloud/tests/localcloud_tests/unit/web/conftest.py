"""App Service alone, in this process: without storage, and without a Functions host."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from localcloud import web
from localcloud.cloud import tls_app
from localcloud.faults import Faults
from localcloud.grants import make_owner
from localcloud.home import Home, Ports
from localcloud.identities import USER_ASSIGNED
from localcloud.inventory import GROUP
from localcloud.service import Cloud
from localcloud.store import Store
from localcloud.tokens import Tokens
from localcloud.wire import Operations

from localcloud_tests.resources import GROUP_ID, SITE_ID

PLAN_ID = f"{GROUP_ID}/providers/Microsoft.Web/serverfarms/plan"
IDENTITY_ID = f"{GROUP_ID}/providers/{USER_ASSIGNED}/id-app"
IDS = {"principalId": "the principal's id", "clientId": "the client's id"}
Send = Callable[..., Awaitable[httpx.Response]]


def plan() -> dict[str, Any]:
    return {
        "location": "westeurope",
        "kind": "functionapp",
        "sku": {"name": "FC1", "tier": "FlexConsumption"},
        "properties": {"reserved": True},
    }


def site(*, config: dict[str, Any] | None = None, settings: dict[str, str] | None = None) -> dict[str, Any]:
    """The body of a site on Flex Consumption, as a template deploys it; `config` is its siteConfig."""
    listed = [{"name": name, "value": value} for name, value in (settings or {}).items()]
    return {
        "location": "westeurope",
        "kind": "functionapp,linux",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY_ID: {}}},
        "properties": {
            "serverFarmId": PLAN_ID,
            "httpsOnly": True,
            "functionAppConfig": {
                "deployment": {
                    "storage": {
                        "type": "blobContainer",
                        "value": "https://host.blob.core.windows.net/app-package",
                        "authentication": {
                            "type": "UserAssignedIdentity",
                            "userAssignedIdentityResourceId": IDENTITY_ID,
                        },
                    }
                },
                "runtime": {"name": "python", "version": "3.13"},
                "scaleAndConcurrency": {"instanceMemoryMB": 2048, "maximumInstanceCount": 40},
            },
            "siteConfig": {"minTlsVersion": "1.2", "appSettings": listed, **(config or {})},
        },
    }


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the key of the tokens, which takes long to make."""
    home = Home.open(tmp_path_factory.mktemp("key"), Ports())
    Tokens(home)
    return home.certificates


@pytest.fixture
def cloud(tmp_path: Path, certificates: Path) -> Iterator[Cloud]:
    """A cloud with a resource group and an identity."""
    home = Home.open(tmp_path / "home", Ports.free())
    shutil.copytree(certificates, home.certificates)
    store = Store(home.root / "cloud.sqlite")
    cloud = Cloud(home, store, Tokens(home), Operations(store, home.resource_manager), Faults())
    make_owner(cloud.inventory, cloud.principals.person("person"))
    cloud.inventory.put(GROUP, GROUP_ID, {"location": "westeurope"}, {})
    cloud.inventory.put(USER_ASSIGNED, IDENTITY_ID, {"location": "westeurope"}, IDS)
    yield cloud
    store.close()


@pytest.fixture
async def send(cloud: Cloud) -> AsyncIterator[Send]:
    """Sends a request to Resource Manager: a method, an id or path, and the body."""
    token, _ = cloud.tokens.issue(cloud.principals.person("person"), cloud.home.resource_manager)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(tls_app(cloud, [web.service(cloud)])),
        base_url=cloud.home.resource_manager,
        headers={"Authorization": f"Bearer {token}"},
        params={"api-version": "2025-03-01"},
    ) as client:

        async def send(method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
            return await client.request(method, path, json=body, **options)

        yield send
    await cloud.operations.stop()


@pytest.fixture
async def deployed(send: Send) -> str:
    """The id of a site that is deployed with its plan, and with two settings."""
    assert (await send("PUT", PLAN_ID, plan())).status_code == 200
    answer = await send("PUT", SITE_ID, site(settings={"COLOUR": "red", "SIZE": "1"}))
    assert answer.status_code == 200, answer.text
    return SITE_ID
