"""The workspace and its datastores on the wire, and who may go on from there.

A cloud has one workspace; creating it makes the containers of its datastores. Source: "Workspaces - Create Or
Update", "Workspaces - Delete", "Datastores - Create Or Update".
"""

import asyncio

from azure.core.exceptions import AzureError as StorageError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import known_scope
from localcloud.inventory import DATASTORE, WORKSPACE, not_found, properties_of
from localcloud.machinelearning import errors
from localcloud.machinelearning import workspace as bodies
from localcloud.machinelearning.folders import Folders
from localcloud.machinelearning.kinds import KIND
from localcloud.machinelearning.uris import PROVIDER, Workspace
from localcloud.providers import checks
from localcloud.service import Cloud
from localcloud.tokens import Caller
from localcloud.wire import ArmRoute, AzureError, api_version, json_body, not_imitated

API_VERSIONS = (
    "2023-04-01",
    "2023-04-01-preview",
    "2023-06-01-preview",
    "2023-08-01-preview",
    "2023-10-01",
    "2024-01-01-preview",
    "2024-04-01",
    "2024-04-01-preview",
    "2024-10-01",
    "2024-10-01-preview",
    "2025-06-01",
    "2025-12-01",
    "2026-03-01",
    "2026-05-01",
)
GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
BASE = f"{GROUP}/providers/{PROVIDER}/workspaces/{{workspace}}"


def enter(cloud: Cloud, request: Request) -> Caller:
    """Who calls. Raises AzureError 401 without a token, 400 without an api-version, 404 elsewhere."""
    caller = cloud.arm_caller(request)
    api_version(request, *API_VERSIONS)
    known_scope(request, cloud.inventory)
    named = request.path_params.get("workspace")
    found = cloud.inventory.one(WORKSPACE)
    if named is not None and (found is None or found["name"].lower() != named.lower()):
        raise not_found(WORKSPACE, named, cloud.inventory.group)
    return caller


class WorkspaceRoutes:
    """The handlers of the workspace and its datastores."""

    def __init__(self, cloud: Cloud, workspace: Workspace, folders: Folders) -> None:
        self.cloud = cloud
        self.workspace = workspace
        self.folders = folders

    def all(self) -> list[BaseRoute]:
        return [
            ArmRoute("GET", f"{GROUP}/providers/{PROVIDER}/workspaces", self.list_workspaces),
            ArmRoute("GET", BASE, self.get_workspace),
            ArmRoute("PUT", BASE, self.put_workspace),
            ArmRoute("DELETE", BASE, self.delete_workspace),
            ArmRoute("GET", f"{BASE}/datastores", self.list_datastores),
            ArmRoute("GET", f"{BASE}/datastores/{{name}}", self.get_datastore),
            ArmRoute("PUT", f"{BASE}/datastores/{{name}}", self.put_datastore),
        ]

    async def get_workspace(self, request: Request) -> Response:
        enter(self.cloud, request)
        return JSONResponse(self._body())

    async def list_workspaces(self, request: Request) -> Response:
        enter(self.cloud, request)
        return JSONResponse({"value": [self._body()] if self.cloud.inventory.one(WORKSPACE) else []})

    async def put_workspace(self, request: Request) -> Response:
        self.cloud.arm_caller(request)
        api_version(request, *API_VERSIONS)
        known_scope(request, self.cloud.inventory)
        id_ = request.url.path.rstrip("/")
        self.cloud.inventory.refuse_another(WORKSPACE, id_)
        sent = checks.accepted(self.cloud, KIND, id_, await json_body(request))
        body = {"identity": {"type": "SystemAssigned"}} | sent.body
        _, created = self.cloud.inventory.put(WORKSPACE, id_, body, sent.properties)
        await self._make_containers(*self.workspace.datastores.values())
        return JSONResponse(self._body(), 201 if created else 200)

    async def delete_workspace(self, request: Request) -> Response:
        """Delete the workspace for good, with all it holds; the blobs of its account stay.

        Raises AzureError 501 for soft delete.
        """
        self.cloud.arm_caller(request)
        api_version(request, *API_VERSIONS)
        known_scope(request, self.cloud.inventory)
        found = self.cloud.inventory.get(request.url.path.rstrip("/"))
        if found is None:
            return Response(status_code=204)
        if request.query_params.get("forceToPurge", "").lower() != "true":
            raise not_imitated("soft delete of a workspace: delete it with forceToPurge=true")
        await self.cloud.going(found)
        self.cloud.inventory.delete(found["id"])
        return Response(status_code=200)

    async def get_datastore(self, request: Request) -> Response:
        enter(self.cloud, request)
        name = request.path_params["name"]
        document = bodies.datastore(self.cloud.home, self.workspace, name)
        if document is None:
            raise errors.not_found("The datastore", name)
        return JSONResponse(document)

    async def list_datastores(self, request: Request) -> Response:
        enter(self.cloud, request)
        names = self.workspace.datastores
        documents = [bodies.datastore(self.cloud.home, self.workspace, name) for name in names]
        if request.query_params.get("isDefault", "").lower() == "true":
            documents = documents[:1]
        return JSONResponse({"value": documents})

    async def put_datastore(self, request: Request) -> Response:
        enter(self.cloud, request)
        name = request.path_params["name"]
        body = await json_body(request)
        properties = properties_of(body)
        bodies.check_datastore(self.workspace, name, properties)
        await self._make_containers(properties["containerName"])
        _, created = self.cloud.inventory.put(DATASTORE, request.url.path.rstrip("/"), body, properties)
        document = bodies.datastore(self.cloud.home, self.workspace, name)
        return JSONResponse(document, 201 if created else 200)

    def _body(self) -> dict[str, object]:
        return bodies.workspace(self.cloud.home, self.workspace)

    async def _make_containers(self, *names: str) -> None:
        """Raises AzureError 500 while storage does not answer."""
        try:
            await asyncio.gather(*(asyncio.to_thread(self.folders.ensure_container, name) for name in names))
        except StorageError as error:
            message = f"The containers {', '.join(names)} could not be made: {error}"
            raise AzureError(500, "StorageAccountIsNotAccessible", message) from None
