"""The resources of one environment, as Resource Manager lists them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from touchdown.connection import Connection, Json
from touchdown.errors import ApiError, NotFoundError
from touchdown.target import Target

VERSIONS = {
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Batch/batchAccounts": "2025-06-01",
    "Microsoft.EventGrid/systemTopics": "2025-02-15",
    "Microsoft.MachineLearningServices/workspaces": "2025-12-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.Resources": "2025-04-01",
    "Microsoft.Storage/storageAccounts": "2025-08-01",
    "Microsoft.Web/sites": "2025-03-01",
}
"""The API versions by which resources are read."""
SITE = "Microsoft.Web/sites"
WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
BATCH = "Microsoft.Batch/batchAccounts"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
STORAGE = "Microsoft.Storage/storageAccounts"
UPLOADS = "Microsoft.EventGrid/systemTopics"
DATASTORE = "workspaceblobstore"
"""The workspace's default datastore, whose container holds datasets and runs."""


@dataclass(frozen=True)
class Deployment:
    """An environment. resources: the ids of those in its group, by type and name, in lower case.

    token: the end of the names of its resources, by which they differ from those of other environments.
    """

    connection: Connection
    resources: dict[tuple[str, str], str]
    token: str

    @property
    def target(self) -> Target:
        return self.connection.target

    @property
    def group(self) -> str:
        return group_of(self.target)

    def get(self, id_: str, path: str = "", method: str = "GET", **request: Any) -> Json:
        """A resource, or what lies below it. Raises ApiError."""
        return read(self.connection, id_, path, method, **request)

    def of(self, type_: str) -> list[str]:
        """The ids of the resources of a type."""
        return [id_ for (kind, _), id_ in self.resources.items() if kind == type_.lower()]

    def one(self, type_: str) -> str:
        """The id of the environment's own resource of a type. Raises NotFoundError."""
        found = [each for each in self.of(type_) if each.lower().endswith(self.token)]
        if not found:
            raise NotFoundError(f"{self.group} has no {type_} whose name ends with {self.token}.")
        return found[0]


def group_of(target: Target) -> str:
    return f"/subscriptions/{target.subscription}/resourceGroups/{target.resource_group}"


def read(connection: Connection, id_: str, path: str = "", method: str = "GET", **request: Any) -> Json:
    """A resource, or what lies below it, by the API version of its type. Raises ApiError."""
    _, _, below = id_.rpartition("/providers/")
    type_ = "/".join(below.split("/")[:2]) if "/providers/" in id_ else "Microsoft.Resources"
    version = {name.lower(): each for name, each in VERSIONS.items()}[type_.lower()]
    parameters = {"api-version": version} | request.pop("params", {})
    return connection.resource_manager(method, f"{id_}{path}", params=parameters, **request)


def pages(connection: Connection, id_: str, path: str, **parameters: str) -> Iterator[Json]:
    """The items of a list, of all its pages. Raises ApiError."""
    answer = read(connection, id_, path, params=parameters)
    while True:
        yield from answer["value"]
        if not (link := answer.get("nextLink")):
            return
        answer = following(connection, str(link))


def following(connection: Connection, link: str) -> Json:
    """The page at a nextLink. Only its path and query count: it may name the host with a port."""
    parts = urlsplit(link)
    return connection.resource_manager("GET", f"{parts.path}?{parts.query}")


def deployment(connection: Connection) -> Deployment:
    """The environment in a target's resource group; only the group, and how to reach it, must be known.

    Raises NotFoundError if it has no Function App of Touchdown's, and ApiError.
    """
    group = group_of(connection.target)
    resources = {
        (each["type"].lower(), each["name"].lower()): str(each["id"])
        for each in pages(connection, group, "/resources")
    }
    apps = [name for kind, name in resources if kind == SITE.lower() and name.startswith("func-")]
    if not apps:
        raise NotFoundError(f"{group} has no Function App of Touchdown's: is it the right group?")
    return Deployment(connection, resources, apps[0].removeprefix("func-"))


def completed(found: Deployment) -> Target:
    """The target of an environment's client: what was not given is read from Resource Manager.

    An app that signs callers in is called with a token and no key. function_key is "" too if the app gives
    none, as one whose host does not run: the checks tell why. Raises NotFoundError and ApiError.
    """
    given, site, workspace = found.target, found.one(SITE), found.one(WORKSPACE)
    datastore = found.get(workspace, f"/datastores/{DATASTORE}")["properties"]
    account = found.resources[STORAGE.lower(), str(datastore["accountName"]).lower()]
    endpoints = found.get(account)["properties"]["primaryEndpoints"]
    api = given.api or f"https://{found.get(site)['properties']['defaultHostName']}"
    scope = given.api_scope or api_scope(found, site)
    return replace(
        given,
        api=api,
        api_scope=scope,
        function_key=given.function_key or ("" if scope else function_key(found, site)),
        blob_url=str(endpoints["blob"]).rstrip("/"),
        container=str(datastore["containerName"]),
        workspace=workspace.rpartition("/")[2],
        datastore=DATASTORE,
    )


def function_key(found: Deployment, site: str) -> str:
    """The app's default function key, or "". Source: "Web Apps - List Host Keys"."""
    try:
        keys = found.get(site, "/host/default/listkeys", "POST").get("functionKeys") or {}
    except ApiError:
        return ""
    return str(keys.get("default") or next(iter(keys.values()), ""))


def authentication(found: Deployment, site: str) -> Json:
    """The settings of App Service authentication of the app. Raises ApiError.

    Source: "Web Apps - Get Auth Settings V2 Without Secrets".
    """
    settings: Json = found.get(site, "/config/authsettingsV2").get("properties") or {}
    return settings


def api_scope(found: Deployment, site: str) -> str:
    """The scope of the tokens with which the app is called, or "" for whoever may not know."""
    try:
        return scope_of(authentication(found, site))
    except ApiError:
        return ""


def scope_of(settings: Json) -> str:
    """The scope of the tokens that App Service authentication asks callers for; "" if it signs nobody in.

    A token of version 2.0 has the client id of the app's registration as its audience, whatever URI the
    registration has ("Access token claims reference"), and App Service takes it ("Configure your App Service
    or Azure Functions app to use Microsoft Entra sign-in", allowed token audiences).
    """
    if not (settings.get("platform") or {}).get("enabled"):
        return ""
    provider = (settings.get("identityProviders") or {}).get("azureActiveDirectory") or {}
    client_id = str((provider.get("registration") or {}).get("clientId") or "")
    return f"{client_id}/.default" if client_id else ""
