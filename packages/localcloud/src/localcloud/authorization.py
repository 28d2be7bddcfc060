"""Resource Manager's routes for user-assigned identities and role assignments.

Sources: "User Assigned Identities - Create Or Update", "Role Assignments - Create".
"""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import opened
from localcloud.grants import ASSIGNMENT, make_owner
from localcloud.home import REGION, TENANT
from localcloud.identities import USER_ASSIGNED, client_id_of, object_id_of
from localcloud.inventory import Inventory, not_found, properties_of
from localcloud.roles import check_assignment
from localcloud.service import Cloud, Service
from localcloud.wire import ArmRoute, AzureError, json_body

_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
_RESOURCE = f"{_GROUP}/providers/{{provider}}/{{type}}/{{resource}}"
_SCOPES = (
    "/subscriptions/{subscription}",
    _GROUP,
    _RESOURCE,
    f"{_RESOURCE}/{{type2}}/{{resource2}}",
    f"{_RESOURCE}/{{type2}}/{{resource2}}/{{type3}}/{{resource3}}",
)


def service(cloud: Cloud) -> Service:
    inventory = cloud.inventory
    if cloud.store.add("authorization", "subscription", {}):
        make_owner(inventory, cloud.principals.person("person"))

    async def get(request: Request) -> Response:
        found = inventory.get(request.url.path.rstrip("/"))
        if found is None:
            raise not_found(USER_ASSIGNED, request.path_params["name"], inventory.group)
        return JSONResponse(found)

    async def put_identity(request: Request) -> Response:
        path = request.url.path.rstrip("/")
        ids = {"tenantId": TENANT, "principalId": object_id_of(path), "clientId": client_id_of(path)}
        body = {"location": REGION} | await json_body(request)
        document, created = inventory.put(USER_ASSIGNED, path, body, properties_of(body) | ids)
        return JSONResponse(document, 201 if created else 200)

    async def put_assignment(request: Request) -> Response:
        scope = existing_scope(request, inventory)
        wanted = properties_of(await json_body(request))
        check_assignment(inventory, request.path_params["name"], scope, wanted)
        path = request.url.path.rstrip("/")
        document, _ = inventory.put(ASSIGNMENT, path, {}, wanted | {"scope": scope})
        await cloud.grants.announce()
        return JSONResponse(document, 201)

    async def get_assignment(request: Request) -> Response:
        found = inventory.get(request.url.path.rstrip("/"))
        if found is None:
            name = request.path_params["name"]
            message = f"The role assignment '{name}' is not found."
            raise AzureError(404, "RoleAssignmentNotFound", message)
        return JSONResponse(found)

    async def delete_assignment(request: Request) -> Response:
        path = request.url.path.rstrip("/")
        found = inventory.get(path)
        if found is None:
            return Response(status_code=204)
        inventory.delete(path)
        await cloud.grants.announce()
        return JSONResponse(found)

    identity = f"{_GROUP}/providers/{USER_ASSIGNED}/{{name}}"
    routes: list[BaseRoute] = [
        ArmRoute("GET", identity, opened(cloud, get)),
        ArmRoute("PUT", identity, opened(cloud, put_identity)),
    ]
    for scope in _SCOPES:
        one = f"{scope}/providers/{ASSIGNMENT}/{{name}}"
        routes += [
            ArmRoute("GET", one, opened(cloud, get_assignment)),
            ArmRoute("PUT", one, opened(cloud, put_assignment)),
            ArmRoute("DELETE", one, opened(cloud, delete_assignment)),
        ]
    return Service("authorization", routes)


def existing_scope(request: Request, inventory: Inventory) -> str:
    """The scope that an assignment's path names. Raises AzureError 404 for a resource that does not exist."""
    scope = re.split(f"/providers/{re.escape(ASSIGNMENT)}/", request.url.path, flags=re.IGNORECASE)[0]
    if "provider" in request.path_params and inventory.get(scope) is None:
        type_, _, name = scope.rpartition("/")
        raise not_found(type_.rpartition("/providers/")[2], name, inventory.group)
    return scope
