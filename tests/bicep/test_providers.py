"""localcloud's Resource Manager takes what the templates deploy, through its own routes. It needs Azurite."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
from localcloud.certificates import ensure
from localcloud.cloud import SERVICES, tls_app
from localcloud.deployments.snapshots import Snapshot, turns
from localcloud.faults import Faults
from localcloud.home import PERSONS, SUBSCRIPTION, TENANT, Home, Ports
from localcloud.inventory import SITE, Inventory
from localcloud.persons import person
from localcloud.service import Cloud
from localcloud.storage import emulator
from localcloud.store import Store
from localcloud.tokens import Tokens
from localcloud.wire import Operations

from scripts.bicep_compiler import Place
from scripts.bicep_snapshots import cases, snapshot_of

pytestmark = pytest.mark.integration

OUTSIDE = ("id", "name", "type", "apiVersion")
"""What a template says of a resource outside of its body."""
GROUP_OF_ROLE = re.compile(r"/resourceGroups/[^/]+(?=/providers/Microsoft\.Authorization/roleDefinitions/)")
CHANGING = (
    "etag",
    "lastmodifiedat",
    "lastmodifiedtime",
    "modifieddate",
    "modifiedon",
    "updatedon",
    "lastmodified",
)
"""Properties that tell when a resource was last written, in small letters."""
HIDDEN = {
    "Microsoft.KeyVault/vaults/secrets": {"properties.value"},
    "Microsoft.Web/sites": {"properties.siteConfig.appSettings"},
}
"""By type, what is not read back."""
MAIN = [case for case in cases() if case.stem not in ("events",)]


def snapshot(case: Path) -> Snapshot:
    """The committed snapshot of a case, for localcloud's subscription, tenant and persons."""
    text = snapshot_of(case).read_text()
    # localcloud runs apps on its own Python only, whatever a case names.
    text = text.replace(
        '"version": "3.14"', f'"version": "{sys.version_info.major}.{sys.version_info.minor}"'
    )
    for number, name in enumerate(PERSONS, 1):
        text = text.replace(f"aaaaaaaa-0000-0000-0000-{number:012}", person(name).object_id)
    return Snapshot.read(
        json.loads(text.replace(Place().subscription, SUBSCRIPTION).replace(Place().tenant, TENANT))
    )


@pytest.fixture(scope="module")
def azurite_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home.open(tmp_path_factory.mktemp("azurite"), Ports.free())
    process = asyncio.run(emulator.start(home))
    yield home
    process.terminate()
    process.wait(timeout=20)


@dataclass(frozen=True)
class Put:
    """One resource of a deployment, without expressions, and the answer to its PUT."""

    resource: dict[str, Any]
    answer: httpx.Response

    @property
    def id(self) -> str:
        return str(self.resource["id"])

    @property
    def version(self) -> str:
        return str(self.resource["apiVersion"])

    def __str__(self) -> str:
        return f"{self.id.rpartition('/providers/')[2]}: {self.answer.status_code} {self.answer.text}"


@dataclass
class Deployment:
    """A deployment through Resource Manager's routes: whoever deploys is the person of the home."""

    home: Home
    client: httpx.AsyncClient
    runner: asyncio.Runner
    inventory: Inventory
    resource_group: str | None = None

    @property
    def subscription(self) -> str:
        return SUBSCRIPTION

    def send(self, method: str, id_: str, version: str, body: Any = None) -> httpx.Response:
        return self.runner.run(self.client.request(method, id_, params={"api-version": version}, json=body))

    def call(self, method: str, id_: str, version: str, body: Any = None) -> Any:
        answer = self.send(method, id_, version, body)
        assert answer.is_success, f"{method} {id_}: {answer.text}"
        return answer.json()

    @cached_property
    def metadata(self) -> dict[str, Any]:
        return {
            "resourceManager": f"{self.home.resource_manager}/",
            "authentication": {"loginEndpoint": self.home.login_url},
            "suffixes": {"storage": f"core.{self.home.suffix}"},
        }

    def environment(self) -> dict[str, Any]:
        return self.metadata

    def deployer(self) -> dict[str, Any]:
        return {"objectId": person("person").object_id, "tenantId": TENANT}

    def reference(self, resource: str, api_version: str | None, full: bool, /) -> dict[str, Any]:
        assert api_version is not None
        found: dict[str, Any] = self.call("GET", resource, api_version)
        return found if full else found["properties"]

    def list_keys(self, resource: str, api_version: str, /) -> dict[str, Any]:
        found: dict[str, Any] = self.call("POST", f"{resource}/listKeys", api_version)
        return found

    def deploy(self, case: Path) -> list[Put]:
        """PUT each resource of a case."""
        return [self.put(resource) for resource in turns(snapshot(case), self)]

    def put(self, resource: dict[str, Any]) -> Put:
        body = {name: value for name, value in resource.items() if name not in OUTSIDE}
        answer = self.send("PUT", resource["id"], resource["apiVersion"], body)
        if operation := answer.headers.get("Azure-AsyncOperation"):
            answer = self.wait(operation)
        return Put(resource, answer)

    def wait(self, operation: str) -> httpx.Response:
        """The answer of an operation's URL once it has ended. It fails unless the operation succeeded."""
        while (answer := self.runner.run(self.client.get(operation))).json()["status"] == "InProgress":
            self.runner.run(asyncio.sleep(0.01))
        assert answer.json()["status"] == "Succeeded", answer.text
        return answer


@pytest.fixture
def deployment(azurite_home: Home, tmp_path: Path) -> Iterator[Deployment]:
    """A new cloud, whose storage other clouds have used."""
    ensure(azurite_home)
    store = Store(tmp_path / "cloud.sqlite")
    tokens = Tokens(azurite_home)
    cloud = Cloud(azurite_home, store, tokens, Operations(store, azurite_home.resource_manager), Faults())
    app = tls_app(cloud, [make(cloud) for make in SERVICES])
    token, _ = tokens.issue(cloud.principals.person("person"), azurite_home.resource_manager)
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url=azurite_home.resource_manager,
            headers={"Authorization": f"Bearer {token}"},
        )
        yield Deployment(azurite_home, client, runner, cloud.inventory)
        runner.run(client.aclose())
    store.close()


def lost(sent: Any, found: Any, path: str = "") -> Iterator[str]:
    """The paths of properties that were sent and are not found so."""
    if isinstance(sent, dict) and isinstance(found, dict):
        for name, value in sent.items():
            yield from lost(value, found.get(name), f"{path}.{name}" if path else name)
    elif isinstance(sent, list) and isinstance(found, list) and len(sent) == len(found):
        for number, value in enumerate(sent):
            yield from lost(value, found[number], f"{path}[{number}]")
    elif named(sent) != named(found):
        yield path


def named(value: Any) -> Any:
    """A value, in which the id of a role names its subscription alone, as in Azure."""
    return GROUP_OF_ROLE.sub("", value) if isinstance(value, str) else value


def is_top_level(put: Put) -> bool:
    """Whether a resource is one of a resource group, with no parent, and not one that extends others."""
    return len(put.id.split("/")) == 9 and "location" in put.resource


def steady(document: Any) -> Any:
    """A document without what tells when it was last written."""
    if isinstance(document, dict):
        return {name: steady(each) for name, each in document.items() if name.lower() not in CHANGING}
    return [steady(each) for each in document] if isinstance(document, list) else document


@pytest.mark.parametrize("case", MAIN, ids=lambda case: case.stem)
def test_each_resource_is_accepted_read_back_and_listed(case: Path, deployment: Deployment) -> None:
    made = deployment.deploy(case)
    refused = [str(each) for each in made if not each.answer.is_success]
    assert "; ".join(refused) == ""
    read = {each.id: deployment.call("GET", each.id, each.version) for each in made}
    for each in made:
        sent = {name: value for name, value in each.resource.items() if name not in ("name", "apiVersion")}
        gone = {*lost(sent, read[each.id])} - HIDDEN.get(each.resource["type"], set())
        assert gone == set(), each.id
        assert read[each.id]["name"] == each.resource["name"].rpartition("/")[2]
    group = next(each.id for each in made if each.resource["type"] == "Microsoft.Resources/resourceGroups")
    listed = deployment.call("GET", f"{group}/resources", "2025-04-01")["value"]
    assert {each["id"] for each in listed} == {each.id for each in made if is_top_level(each)}


def test_a_second_deployment_changes_nothing(deployment: Deployment) -> None:
    case = max(MAIN, key=lambda each: len(snapshot(each).resources))
    made = deployment.deploy(case)
    before = [steady(deployment.call("GET", each.id, each.version)) for each in made]
    again = deployment.deploy(case)
    assert all(each.answer.is_success for each in again)
    assert [each.resource for each in again] == [each.resource for each in made]
    assert [steady(deployment.call("GET", each.id, each.version)) for each in made] == before


def test_the_event_subscriptions_are_deployed_once_the_functions_are_there(deployment: Deployment) -> None:
    cases_ = {each.stem: each for each in cases()}
    deployment.deploy(cases_["defaults"])
    site = next(iter(deployment.inventory.all(SITE)))
    early = deployment.deploy(cases_["events"])
    assert {each.answer.status_code for each in early} == {400}
    for name in {each.resource["properties"]["destination"]["properties"]["resourceId"] for each in early}:
        # The host lists its functions once the app's code is there; no host runs here.
        listed = {"config": {"bindings": [{"type": "eventGridTrigger"}]}}
        deployment.inventory.put(f"{SITE}/functions", name, {}, listed)
        assert name.startswith(site["id"])
    for each in deployment.deploy(cases_["events"]):
        assert each.answer.is_success, str(each)
        sent = {name: value for name, value in each.resource.items() if name not in ("name", "apiVersion")}
        assert [*lost(sent, deployment.call("GET", each.id, each.version))] == []
