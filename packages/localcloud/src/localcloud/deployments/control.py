"""localcloud's own routes for deployments: a snapshot is deployed as it is.

    POST /localcloud/deployments    {"snapshot", "name", "location", "resourceGroup"?}    begins
    GET  /localcloud/deployments?name=…&resourceGroup=…                                   how it goes

Both name the deployment as Azure's routes do, and begin wants the token of whoever deploys.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from localcloud.access.calls import Call
from localcloud.access.decisions import Refused
from localcloud.deployments.ordering import SnapshotError
from localcloud.deployments.records import shown
from localcloud.deployments.requests import Target, Wanted, checked_location, checked_name
from localcloud.deployments.service import Deployments
from localcloud.deployments.snapshots import PartialSnapshotError, Snapshot
from localcloud.deployments.tracing import Document
from localcloud.guard import DEPLOY, forbidden
from localcloud.home import REGION, SUBSCRIPTION
from localcloud.service import Cloud
from localcloud.wire import AzureError, json_body, not_imitated


def routes(cloud: Cloud, deployments: Deployments) -> list[BaseRoute]:
    def group_of(name: str | None) -> Document | None:
        """The resource group of a name, or None for the subscription. Raises AzureError 404."""
        if not name:
            return None
        found = cloud.inventory.get(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}")
        if found is None:
            raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        return found

    def target(name: str, group: str | None, location: str) -> Target:
        found = group_of(group)
        if found is not None:
            location = str(found.get("location", REGION))
        return Target(SUBSCRIPTION, found["name"] if found else None, checked_name(name), location)

    async def begin(request: Request) -> Response:
        caller, body = cloud.arm_caller(request), await json_body(request)
        location = checked_location(body.get("location") or REGION)
        to = target(str(body.get("name", "")), body.get("resourceGroup"), location)
        decided = cloud.grants.decide(Call(caller.object_id, DEPLOY, to.scope, client=caller.client))
        if isinstance(decided, Refused):
            raise forbidden(decided)
        try:
            wanted = Wanted(to, Snapshot.read(body.get("snapshot")), {}, {})
        except PartialSnapshotError as error:
            raise not_imitated(str(error)) from None
        except SnapshotError as error:
            raise AzureError(400, "InvalidSnapshot", str(error)) from None
        manager = request.app.state.resource_manager
        document, _ = await deployments.begin(manager, caller, request.headers["authorization"], wanted)
        return JSONResponse(shown(document), 201)

    async def progress(request: Request) -> Response:
        query = request.query_params
        document = deployments.get(target(query.get("name", ""), query.get("resourceGroup"), REGION).id)
        operations = deployments.records.operations(document["id"])
        return JSONResponse(
            {
                "deployment": shown(document),
                "operations": operations,
                "deployed": deployments.deployed(document["id"]),
            }
        )

    return [
        Route("/deployments", begin, methods=["POST"]),
        Route("/deployments", progress, methods=["GET"]),
    ]
