"""Resource Manager's routes for deployments, at the scopes subscription and resource group.

Sources: "Deployments" and "Deployment Operations" of 2025-04-01, which az 2.91 calls through
azure-mgmt-resource-deployments, and "Track asynchronous Azure operations".
"""

import re
from secrets import token_hex

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import opened
from localcloud.deployments import control
from localcloud.deployments.records import ACTIVE, TYPE, shown
from localcloud.deployments.requests import Target, Wanted, body_of, checked_location, checked_name, evaluate
from localcloud.deployments.service import Deployments, described
from localcloud.deployments.tracing import Document
from localcloud.home import REGION
from localcloud.inventory import GROUP, Inventory
from localcloud.rights import SIGNED_IN
from localcloud.service import Cloud, Service
from localcloud.wire import ArmRoute, AzureError, Handler, not_imitated

SUBSCRIPTION = "/subscriptions/{subscription}"
SCOPES = (SUBSCRIPTION, f"{SUBSCRIPTION}/resourceGroups/{{group}}")
RETRY = {"Retry-After": "1"}
RESULTS = "whatIfResults"
FOLLOWED = ("operationStatuses", RESULTS)
"""Where whoever began something looks how it went."""
FILTER = re.compile(r"\s*provisioningState\s+eq\s+'(?P<state>\w+)'\s*", re.IGNORECASE)


def service(cloud: Cloud) -> Service:
    deployments = Deployments(cloud)
    cloud.on_deletion(GROUP, deployments.forget)
    found: list[BaseRoute] = []
    for scope in SCOPES:
        every = f"{scope}/providers/{TYPE}"
        for method, path, handler in (
            *changes(cloud, deployments),
            *looks(deployments),
            *what_if(cloud),
        ):
            right = SIGNED_IN if any(each in path for each in FOLLOWED) else None
            found.append(ArmRoute(method, f"{every}{path}", opened(cloud, handler), right))

    results = f"{SUBSCRIPTION}/operationresults/{{operation}}"
    found.append(ArmRoute("GET", results, opened(cloud, deleted), SIGNED_IN))

    async def start() -> None:
        deployments.records.end_interrupted()

    return Service("deployments", found, control.routes(cloud, deployments), start=start)


type Entry = tuple[str, str, Handler]
"""Method, path after the type, and handler."""


def changes(cloud: Cloud, deployments: Deployments) -> list[Entry]:
    base = cloud.home.resource_manager

    async def wanted(request: Request) -> Wanted:
        body = body_of(await request.body())
        return await evaluate(target_of(request, body, cloud.inventory), body)

    async def put(request: Request) -> Response:
        caller, authorization = cloud.arm_caller(request), request.headers["authorization"]
        existed = deployments.records.get(id_of(request)) is not None
        document, _ = await deployments.begin(request.app, caller, authorization, await wanted(request))
        version = request.query_params["api-version"]
        operation = f"{base}{document['id']}/operationStatuses/{document['kept']['status']}"
        headers = {"Azure-AsyncOperation": f"{operation}?api-version={version}", **RETRY}
        return JSONResponse(shown(document), 200 if existed else 201, headers)

    async def validate(request: Request) -> Response:
        asked = await wanted(request)
        order = await deployments.check(asked, cloud.arm_caller(request))
        resources = [{"id": step.resource["id"]} for step in order if step.resource["id"].startswith("/")]
        properties = {"mode": "Incremental", "provisioningState": "Succeeded", **described(asked)}
        target = asked.target
        return JSONResponse(
            {
                "id": target.id,
                "name": target.name,
                "type": TYPE,
                "properties": properties | {"validatedResources": resources},
            }
        )

    async def cancel(request: Request) -> Response:
        deployments.cancel(id_of(request, "/cancel"))
        return Response(status_code=204)

    async def delete(request: Request) -> Response:
        id_ = id_of(request)
        if deployments.records.get(id_) is None:
            return Response(status_code=204)
        deployments.delete(id_)
        version = request.query_params["api-version"]
        subscription = request.path_params["subscription"]
        place = f"{base}/subscriptions/{subscription}/operationresults/{token_hex(8)}?api-version={version}"
        return Response(status_code=202, headers={"Location": place, **RETRY})

    return [
        ("PUT", "/{name}", put),
        ("POST", "/{name}/validate", validate),
        ("POST", "/{name}/cancel", cancel),
        ("DELETE", "/{name}", delete),
    ]


async def deleted(_: Request) -> Response:
    """The result of deleting a deployment, which is done at once."""
    return Response(status_code=204)


def looks(deployments: Deployments) -> list[Entry]:
    records = deployments.records

    async def get(request: Request) -> Response:
        return JSONResponse(shown(deployments.get(id_of(request))))

    async def exists(request: Request) -> Response:
        return Response(status_code=204 if records.get(id_of(request)) else 404)

    async def every(request: Request) -> Response:
        scope = request.url.path.rstrip("/").rpartition("/providers/")[0]
        return JSONResponse({"value": [shown(each) for each in filtered(request, records.all(scope))]})

    async def status(request: Request) -> Response:
        operation = request.path_params["operation"]
        document = deployments.get(id_of(request, f"/operationStatuses/{operation}"))
        if document["kept"]["status"].lower() != operation.lower():
            raise AzureError(404, "OperationNotFound", f"The operation '{operation}' was not found.")
        state = document["properties"]["provisioningState"]
        error = {"error": document["properties"]["error"]} if "error" in document["properties"] else {}
        return JSONResponse({"status": state, **error}, headers=RETRY if state in ACTIVE else {})

    async def operations(request: Request) -> Response:
        document = deployments.get(id_of(request, "/operations"))
        found = records.operations(document["id"])
        return JSONResponse({"value": found[: limit_of(request)]})

    async def operation(request: Request) -> Response:
        wanted = request.path_params["operation"]
        document = deployments.get(id_of(request, f"/operations/{wanted}"))
        for each in records.operations(document["id"]):
            if each["operationId"].lower() == wanted.lower():
                return JSONResponse(each)
        message = f"Deployment operation '{wanted}' could not be found."
        raise AzureError(404, "DeploymentOperationNotFound", message)

    async def export(request: Request) -> Response:
        document = deployments.get(id_of(request, "/exportTemplate"))
        if document["kept"]["template"] is None:
            raise not_imitated("the template of a deployment that was made from a snapshot")
        return JSONResponse({"template": document["kept"]["template"]})

    return [
        ("GET", "", every),
        ("GET", "/{name}", get),
        ("HEAD", "/{name}", exists),
        ("GET", "/{name}/operationStatuses/{operation}", status),
        ("GET", "/{name}/operations", operations),
        ("GET", "/{name}/operations/{operation}", operation),
        ("POST", "/{name}/exportTemplate", export),
    ]


def what_if(cloud: Cloud) -> list[Entry]:
    """What-if is accepted, as in Azure, and its result is the refusal.

    az prints the error of a result. For an error at once, az 2.91 prints a trace of its own: it reads the
    answer a second time (handle_template_based_exception).
    """

    async def accept(request: Request) -> Response:
        result = f"{id_of(request, '/whatIf')}/{RESULTS}/{token_hex(8)}"
        query = f"api-version={request.query_params['api-version']}"
        place = f"{cloud.home.resource_manager}{result}?{query}"
        return Response(status_code=202, headers={"Location": place, **RETRY})

    async def result(_: Request) -> Response:
        raise not_imitated("what-if: it deploys, or says with validate whether a template is valid")

    return [("POST", "/{name}/whatIf", accept), ("GET", f"/{{name}}/{RESULTS}/{{operation}}", result)]


def id_of(request: Request, action: str = "") -> str:
    """The id of the deployment that a path names, which ends with an action."""
    return request.url.path.rstrip("/")[: -len(action) or None]


def target_of(request: Request, body: Document, inventory: Inventory) -> Target:
    """Where a request deploys. Raises AzureError 400."""
    subscription, group = request.path_params["subscription"], request.path_params.get("group")
    name = checked_name(request.path_params["name"])
    if group is None:
        return Target(subscription, None, name, checked_location(body.get("location")))
    found = inventory.get(f"/subscriptions/{subscription}/resourceGroups/{group}")
    assert found is not None, "opened() refuses a group that is not there"
    return Target(subscription, found["name"], name, str(found.get("location", REGION)))


def filtered(request: Request, found: list[Document]) -> list[Document]:
    """The deployments that a request's $filter and $top leave."""
    text = request.query_params.get("$filter")
    if text is not None:
        matched = FILTER.fullmatch(text)
        if matched is None:
            raise not_imitated(f"the filter {text!r} of deployments: use provisioningState eq '…'")
        state = matched["state"].lower()
        found = [each for each in found if each["properties"]["provisioningState"].lower() == state]
    return found[: limit_of(request)]


def limit_of(request: Request) -> int | None:
    """$top of a request. Raises AzureError 400."""
    text = request.query_params.get("$top")
    if text is not None and not text.isdecimal():
        raise AzureError(400, "InvalidTopParameter", f"The value '{text}' of $top is no whole number.")
    return int(text) if text else None
