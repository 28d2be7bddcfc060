"""Resource Manager in this process, without storage, for resource types of which nothing is asked of it."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from localcloud import certificates
from localcloud.cloud import SERVICES, tls_app
from localcloud.faults import Faults
from localcloud.home import SUBSCRIPTION, TENANT, Home
from localcloud.identities import Principal
from localcloud.service import Cloud
from localcloud.store import Store
from localcloud.tokens import Tokens
from localcloud.wire import Operations

GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
PROVIDERS = f"{GROUP_ID}/providers"
IDENTITY = f"{PROVIDERS}/Microsoft.ManagedIdentity/userAssignedIdentities/worker"
ACCOUNT = f"{PROVIDERS}/Microsoft.Storage/storageAccounts/data"
LOGS = f"{PROVIDERS}/Microsoft.OperationalInsights/workspaces/logs"
INSIGHTS = f"{PROVIDERS}/Microsoft.Insights/components/insights"
VAULT = f"{PROVIDERS}/Microsoft.KeyVault/vaults/vault-1"
REGISTRY = f"{PROVIDERS}/Microsoft.ContainerRegistry/registries/images"
WORKSPACE = f"{PROVIDERS}/Microsoft.MachineLearningServices/workspaces/models"
TOPIC = f"{PROVIDERS}/Microsoft.EventGrid/topics/news"
SYSTEM_TOPIC = f"{PROVIDERS}/Microsoft.EventGrid/systemTopics/uploads"
ACTIONS = f"{PROVIDERS}/Microsoft.Insights/actionGroups/mail"

Json = dict[str, Any]
VERSIONS = {
    "Microsoft.Resources": "2025-04-01",
    "Microsoft.ManagedIdentity": "2024-11-30",
    "Microsoft.Storage": "2025-08-01",
    "Microsoft.OperationalInsights": "2025-07-01",
    "Microsoft.KeyVault": "2025-05-01",
    "Microsoft.ContainerRegistry": "2025-04-01",
    "Microsoft.MachineLearningServices": "2026-03-01",
    "Microsoft.EventGrid": "2025-02-15",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/metricAlerts": "2026-01-01",
    "Microsoft.Insights/scheduledQueryRules": "2026-03-01",
    "Microsoft.Insights/workbooks": "2023-06-01",
}


def located(kind: str = "", sku: Json | None = None, identity: Json | None = None, **properties: Any) -> Json:
    """The body of a resource with a location."""
    body: Json = {"location": "westeurope", "properties": properties}
    return body | {
        name: value for name, value in {"kind": kind, "sku": sku, "identity": identity}.items() if value
    }


GOOD: dict[str, Json] = {
    GROUP_ID: located(),
    IDENTITY: located(),
    ACCOUNT: located("StorageV2", {"name": "Standard_LRS"}),
    LOGS: located(retentionInDays=30),
    INSIGHTS: located("web", Application_Type="web", WorkspaceResourceId=LOGS),
    VAULT: {
        "location": "westeurope",
        "properties": {
            "tenantId": TENANT,
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
        },
    },
    REGISTRY: located(sku={"name": "Basic"}),
    TOPIC: located(disableLocalAuth=True),
    SYSTEM_TOPIC: located(source=ACCOUNT, topicType="Microsoft.Storage.StorageAccounts"),
    ACTIONS: {
        "location": "global",
        "properties": {
            "groupShortName": "mail",
            "enabled": True,
            "emailReceivers": [{"name": "operator", "emailAddress": "operator@example.com"}],
        },
    },
}
"""One resource of most types, each after those that it names."""


@dataclass
class Manager:
    """Resource Manager, called as one principal."""

    client: httpx.AsyncClient

    async def __call__(
        self, method: str, id_: str, body: Json | None = None, version: str | None = None
    ) -> httpx.Response:
        params = {"api-version": version_of(id_) if version is None else version}
        return await self.client.request(method, id_, params=params, json=body)


def version_of(id_: str) -> str:
    """An api-version for the type in an id."""
    namespace, _, rest = id_.rpartition("/providers/")[2].partition("/")
    if "/providers/" not in id_:
        namespace, rest = "Microsoft.Resources", ""
    return VERSIONS.get(f"{namespace}/{rest.partition('/')[0]}") or VERSIONS[namespace]


Connect = Callable[[Principal, str], httpx.AsyncClient]
"""Makes a client of the cloud's TLS listener, with a principal's token for an audience."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home = Home.open(tmp_path_factory.mktemp("home"))
    certificates.ensure(home)
    store = Store(home.root / "cloud.sqlite")
    yield Cloud(home, store, Tokens(home), Operations(store, home.resource_manager), Faults())
    store.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connect(cloud: Cloud) -> AsyncIterator[Connect]:
    app = tls_app(cloud, [make(cloud) for make in SERVICES])
    clients: list[httpx.AsyncClient] = []

    def connected(principal: Principal, audience: str) -> httpx.AsyncClient:
        token, _ = cloud.tokens.issue(principal, audience)
        clients.append(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url=cloud.home.resource_manager,
                headers={"Authorization": f"Bearer {token}"},
            )
        )
        return clients[-1]

    yield connected
    for each in clients:
        await each.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arm(cloud: Cloud, connect: Connect) -> Manager:
    """Resource Manager with the resources of GOOD, called as the person."""
    manager = Manager(connect(cloud.principals.person("person"), cloud.home.resource_manager))
    for id_, body in GOOD.items():
        answer = await manager("PUT", id_, body)
        assert answer.is_success, answer.text
    return manager
