"""Resource Manager after a deployment of the committed snapshots, for the checks.

Shapes: the REST references of Web Apps, Event Grid, Batch management, Azure Machine Learning and RBAC.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
from azure.core.credentials import AccessToken
from localcloud.access.built_in import built_in
from localcloud.deployments.snapshots import Snapshot, turns
from localcloud.home import SUBSCRIPTION

from tests.bicep.memory import Memory, guid
from touchdown.checking.app import BUNDLE, expected_functions
from touchdown.checking.deployment import Deployment, completed, deployment
from touchdown.client import Client, Target
from touchdown.local.snapshots import EVENTS, MAIN, read

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-touchdown"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"


class Token:
    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken("token", 2**40)


def deployed() -> Memory:
    memory = Memory(subscription=SUBSCRIPTION)
    for name in (MAIN, EVENTS):
        for resource in turns(Snapshot.read(read(name)), memory):
            memory.put(resource)
    return memory


@dataclass
class Azure:
    """Answers by path in lower case. A test changes `memory` and `answers`, or calls `say`.

    `default` answers what nothing else does.
    """

    memory: Memory = field(default_factory=deployed)
    answers: dict[str, Any] = field(default_factory=dict)
    turns: dict[str, list[Any]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    default: httpx.Response = field(
        default_factory=lambda: httpx.Response(
            404, json={"error": {"code": "ResourceNotFound", "message": "there is none"}}
        )
    )

    def __post_init__(self) -> None:
        site, batch, workspace = self.id("sites"), self.id("batchAccounts"), self.id("workspaces", "mlw-")
        functions = [{"name": f"{site.rpartition('/')[2]}/{name}"} for name in expected_functions()]
        settings = {
            each["name"]: each["value"]
            for each in self.of("sites")["properties"]["siteConfig"]["appSettings"]
        }
        self.answers |= {
            f"{site}/functions": {"value": functions},
            f"{site}/host/default/listkeys": {"masterKey": "m", "functionKeys": {"default": "key"}},
            f"{site}/host/default/properties/status": {
                "properties": {"state": "Running", "extensionBundle": {"id": BUNDLE, "version": "4.37.1"}}
            },
            f"{site}/config/appsettings/list": {"properties": settings},
            f"{batch}/pools": {"value": [self.of("batchAccounts/pools") | {"name": "trainers"}]},
            f"{workspace}/datastores/workspaceblobstore": {
                "properties": {
                    "accountName": self.id("storageAccounts", "stdata").rpartition("/")[2],
                    "containerName": f"azureml-blobstore-{guid(workspace.rpartition('/')[2], 'workspace')}",
                }
            },
        }
        self.of("batchAccounts")["properties"] |= {
            "dedicatedCoreQuotaPerVMFamilyEnforced": True,
            "dedicatedCoreQuotaPerVMFamily": [{"name": "standardDSv3Family", "coreQuota": 4}],
            "lowPriorityCoreQuota": 0,
        }
        node = {
            "name": "Standard_D2s_v3",
            "familyName": "standardDSv3Family",
            "capabilities": [{"name": "vCPUs", "value": "2"}],
        }
        self.region("Microsoft.Batch", "virtualMachineSkus", [node])
        family = "standardDSv2Family"
        size = {"name": "Standard_DS3_v2", "family": family, "vCPUs": 4}
        self.region("Microsoft.MachineLearningServices", "vmSizes", [size])
        self.region("Microsoft.MachineLearningServices", "usages", [{"name": {"value": family}, "limit": 8}])
        self.answers = {path.lower(): answer for path, answer in self.answers.items()}

    def region(self, provider: str, what: str, items: list[dict[str, Any]]) -> None:
        path = f"/subscriptions/{SUBSCRIPTION}/providers/{provider}/locations/localcloud/{what}"
        self.answers[path.lower()] = {"value": items}

    def of(self, kind: str, name: str = "") -> dict[str, Any]:
        """The first resource of a type, without its provider, whose own name starts so."""
        return next(
            each
            for each in self.memory.deployed.values()
            if each["type"].partition("/")[2] == kind and each["name"].rpartition("/")[2].startswith(name)
        )

    def id(self, kind: str, name: str = "") -> str:
        return str(self.of(kind, name)["id"])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.lower()
        self.requests.append(request)
        if turns := self.turns.get(path):
            self.answers[path] = turns.pop(0)
        if path.startswith(tuple(self.absent)):
            return httpx.Response(404)
        if path in self.answers:
            answer = self.answers[path]
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)
        if path == f"{GROUP}/resources".lower():
            return httpx.Response(200, json={"value": self.listed()})
        if path == f"{GROUP}/providers/{ASSIGNMENT}".lower():
            return httpx.Response(200, json={"value": self.assigned(request)})
        if path.endswith("/eventsubscriptions"):
            found = [each for id_, each in self.memory.deployed.items() if id_.startswith(f"{path}/")]
            return httpx.Response(
                200, json={"value": [each | {"name": each["name"].rpartition("/")[2]} for each in found]}
            )
        if f"/{DEFINITION}/".lower() in path and (role := built_in(path.rpartition("/")[2])):
            body = {"id": path, "properties": {"roleName": role.name, "permissions": permissions(role.id)}}
            return httpx.Response(200, json=body)
        if path in self.memory.deployed:
            return httpx.Response(200, json=self.read(path))
        return self.default

    def gone(self, beginning: str) -> None:
        """Answer 404 for whatever lies below a path."""
        self.absent.append(beginning.lower())

    def say(self, path: str, *answers: Any) -> None:
        """Answer one call after another in these ways, then in the last one."""
        self.turns[path.lower()] = list(answers)

    def listed(self) -> list[dict[str, Any]]:
        """The resources of the group: those that have a region, and no children."""
        return [
            {"id": each["id"], "name": each["name"], "type": each["type"]}
            for each in self.memory.deployed.values()
            if "location" in each and each["type"].count("/") == 1 and "resourceGroups/" in each["id"]
        ]

    def assigned(self, request: httpx.Request) -> list[dict[str, Any]]:
        (filter_,) = parse_qs(request.url.query.decode())["$filter"]
        principal = filter_.removeprefix("assignedTo('").removesuffix("')")
        return [
            each
            for each in self.memory.deployed.values()
            if each["type"] == ASSIGNMENT and each["properties"]["principalId"] == principal
        ]

    def read(self, path: str) -> dict[str, Any]:
        resource = self.memory.deployed[path]
        try:
            known = self.memory.reference(path, resource["apiVersion"], False)
        except KeyError:
            known = {}
        return {**resource, "properties": {**(resource.get("properties") or {}), **known}}

    def take_away(self, role: str, identity: str) -> dict[str, Any]:
        """Delete an identity's assignment of a role, by its id."""
        principal = guid(self.of("userAssignedIdentities", f"id-{identity}-")["name"], "principal")
        (found,) = [
            id_
            for id_, each in self.memory.deployed.items()
            if each["type"] == ASSIGNMENT
            and each["properties"]["principalId"] == principal
            and each["properties"]["roleDefinitionId"].endswith(role)
        ]
        return self.memory.deployed.pop(found)

    def deployment(self) -> Deployment:
        """What the checks get."""
        target = Target(
            "", "", "", "", "https://management.test", SUBSCRIPTION, "rg-touchdown", "", "", Token()
        )
        return deployment(self.client(completed(deployment(self.client(target)))))

    def client(self, target: Target) -> Client:
        return self.wired(Client(target))

    def wired[C: Client](self, client: C) -> C:
        """The client, which gets its answers from here."""
        client.__dict__["http"] = httpx.Client(transport=httpx.MockTransport(self))
        return client


def permissions(role: str) -> list[dict[str, Any]]:
    from localcloud.access.built_in import DATA

    with DATA.open(encoding="utf-8") as lines:
        found: list[dict[str, Any]] = next(
            json.loads(line)["permissions"] for line in lines if line.startswith(f'{{"id": "{role}"')
        )
    return found
