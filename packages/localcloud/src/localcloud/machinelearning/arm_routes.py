"""Azure Machine Learning's routes in Resource Manager: paths, api-versions, status codes, paging.

Source: "Azure Machine Learning REST API", resource manager operation groups Workspaces, Datastores, Model
Containers, Model Versions, Compute, Batch Endpoints, Batch Deployments, Jobs. A workspace's other resources
answer 501.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.home import SUBSCRIPTION
from localcloud.machinelearning import jobs as job_forms
from localcloud.machinelearning.computes import Computes
from localcloud.machinelearning.endpoints import Endpoints
from localcloud.machinelearning.errors import invalid
from localcloud.machinelearning.jobs import TERMINAL, Jobs
from localcloud.machinelearning.models import Models, View
from localcloud.machinelearning.nodes import Nodes
from localcloud.machinelearning.provisioning import Change
from localcloud.machinelearning.scoring import Scoring
from localcloud.machinelearning.uris import PROVIDER, Workspace
from localcloud.machinelearning.workspace_routes import BASE, enter
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.tokens import Caller
from localcloud.wire import (
    ArmRoute,
    Operation,
    Work,
    json_body,
    not_imitated,
    operation_routes,
)

PAGE = 100
"""Resources in one page of a list."""
STATUS = ("mfeOperationsStatus", "mfeOperationResults")


class Arm:
    """The management plane: one handler per operation."""

    def __init__(
        self,
        cloud: Cloud,
        workspace: Workspace,
        models: Models,
        computes: Computes,
        endpoints: Endpoints,
        jobs: Jobs,
        scoring: Scoring,
        nodes: Nodes,
    ) -> None:
        self.cloud = cloud
        self.workspace = workspace
        self.models = models
        self.computes = computes
        self.endpoints = endpoints
        self.jobs = jobs
        self.scoring = scoring
        self.nodes = nodes

    def enter(self, request: Request) -> Caller:
        """Return the caller.

        Raises AzureError 401 without a token, 400 without an api-version, 404 for another workspace.
        """
        return enter(self.cloud, request)

    # Models

    async def get_model(self, request: Request) -> Response:
        self.enter(request)
        return JSONResponse(self.models.container(request.path_params["name"]))

    async def put_model(self, request: Request) -> Response:
        caller = self.enter(request)
        document, created = self.models.put_container(
            request.path_params["name"], await json_body(request), caller
        )
        return JSONResponse(document, 201 if created else 200)

    async def list_models(self, request: Request) -> Response:
        self.enter(request)
        return self.page(request, self.models.containers(view(request)))

    async def get_model_version(self, request: Request) -> Response:
        self.enter(request)
        path = request.path_params
        return JSONResponse(self.models.version(path["name"], path["version"]))

    async def put_model_version(self, request: Request) -> Response:
        caller = self.enter(request)
        path = request.path_params
        document, created = self.models.register(
            path["name"], path["version"], await json_body(request), caller
        )
        return JSONResponse(document, 201 if created else 200)

    async def list_model_versions(self, request: Request) -> Response:
        self.enter(request)
        only(request, "$skip", "$top", "$orderBy", "listViewType")
        return self.page(
            request, ordered(request, self.models.versions(request.path_params["name"], view(request)))
        )

    async def delete_model(self, request: Request) -> Response:
        self.enter(request)
        path = request.path_params
        existed = self.models.delete(path["name"], path.get("version", ""))
        return Response(status_code=200 if existed else 204)

    # Computes

    async def get_compute(self, request: Request) -> Response:
        self.enter(request)
        return JSONResponse(self.computes.get(request.path_params["name"]))

    async def list_computes(self, request: Request) -> Response:
        self.enter(request)
        return self.page(request, self.computes.list())

    async def put_compute(self, request: Request) -> Response:
        caller = self.enter(request)
        change = self.computes.put(request.path_params["name"], await json_body(request), caller)
        return self.changing(change, partial(self.then_notify_nodes, change))

    async def delete_compute(self, request: Request) -> Response:
        self.enter(request)
        change = self.computes.delete(request.path_params["name"])
        return self.deleting(change, partial(self.then_notify_nodes, change) if change else None)

    async def then_notify_nodes(self, change: Change) -> None:
        """Jobs that wait for a cluster's nodes may start, or must fail, after a change of the cluster."""
        await change.work()
        await self.nodes.changed()

    # Batch endpoints and deployments

    async def get_endpoint(self, request: Request) -> Response:
        self.enter(request)
        return JSONResponse(self.endpoints.get(request.path_params["endpoint"]))

    async def list_endpoints(self, request: Request) -> Response:
        self.enter(request)
        return self.page(request, self.endpoints.endpoints.list())

    async def put_endpoint(self, request: Request) -> Response:
        caller = self.enter(request)
        return self.changing(
            self.endpoints.put(request.path_params["endpoint"], await json_body(request), caller)
        )

    async def patch_endpoint(self, request: Request) -> Response:
        caller = self.enter(request)
        return JSONResponse(
            self.endpoints.patch(request.path_params["endpoint"], await json_body(request), caller)
        )

    async def delete_endpoint(self, request: Request) -> Response:
        self.enter(request)
        return self.deleting(self.endpoints.delete(request.path_params["endpoint"]))

    async def get_deployment(self, request: Request) -> Response:
        self.enter(request)
        path = request.path_params
        return JSONResponse(self.endpoints.deployment(path["endpoint"], path["deployment"]))

    async def list_deployments(self, request: Request) -> Response:
        self.enter(request)
        only(request, "$skip", "$top", "$orderBy")
        deployments = self.endpoints.deployments_of(request.path_params["endpoint"])
        return self.page(request, ordered(request, deployments[::-1]))

    async def put_deployment(self, request: Request) -> Response:
        caller = self.enter(request)
        path = request.path_params
        return self.changing(
            self.endpoints.put_deployment(
                path["endpoint"], path["deployment"], await json_body(request), caller
            )
        )

    async def patch_deployment(self, request: Request) -> Response:
        caller = self.enter(request)
        path = request.path_params
        body = await json_body(request)
        return JSONResponse(
            self.endpoints.patch_deployment(path["endpoint"], path["deployment"], body, caller)
        )

    async def delete_deployment(self, request: Request) -> Response:
        self.enter(request)
        path = request.path_params
        return self.deleting(self.endpoints.delete_deployment(path["endpoint"], path["deployment"]))

    # Jobs

    async def get_job(self, request: Request) -> Response:
        self.enter(request)
        name = request.path_params["name"]
        job = self.jobs.by_run(name)
        child = job["child"] == name
        return JSONResponse(
            job_forms.as_child_job(self.workspace, job)
            if child
            else job_forms.as_pipeline_job(self.workspace, job)
        )

    async def list_jobs(self, request: Request) -> Response:
        self.enter(request)
        only(request, "$skip", "listViewType", "jobType")
        wanted = request.query_params.get("jobType", "Pipeline").lower() == "pipeline"
        active = view(request) != "ArchivedOnly"
        jobs = self.jobs.all() if wanted and active else []
        return self.page(request, [job_forms.as_pipeline_job(self.workspace, job) for job in jobs])

    async def cancel_job(self, request: Request) -> Response:
        self.enter(request)
        job = self.jobs.get(request.path_params["name"])
        if job["status"] in TERMINAL:
            return Response(status_code=200)
        operation = self.begin(partial(self.scoring.cancel, job["name"]))
        return Response(status_code=202, headers=operation.headers())

    # Shared

    def begin(self, work: Work) -> Operation:
        status, result = STATUS
        return self.cloud.operations.begin(
            work, subscription=SUBSCRIPTION, provider=PROVIDER, status_segment=status, result_segment=result
        )

    def changing(self, change: Change, work: Work | None = None) -> Response:
        operation = self.begin(work or change.work)
        return JSONResponse(change.document, 201 if change.created else 200, operation.headers())

    def deleting(self, change: Change | None, work: Work | None = None) -> Response:
        if change is None:
            return Response(status_code=204)
        return Response(status_code=202, headers=self.begin(work or change.work).headers())

    def page(self, request: Request, documents: list[Document]) -> Response:
        """Return one page of a list, with the link to the next one."""
        start = number(request, "$skip", 0)
        size = min(PAGE, number(request, "count", PAGE))
        body: Document = {"value": documents[start : start + size]}
        if start + size < len(documents):
            query = dict(request.query_params) | {"$skip": str(start + size)}
            body["nextLink"] = f"{self.cloud.home.resource_manager}{request.url.path}?{urlencode(query)}"
        return JSONResponse(body)

    def routes(self) -> list[BaseRoute]:
        endpoint = f"{BASE}/batchEndpoints/{{endpoint}}"
        deployment = f"{endpoint}/deployments/{{deployment}}"
        version = f"{BASE}/models/{{name}}/versions/{{version}}"
        table: list[tuple[str, str, Callable[[Request], Any]]] = [
            ("GET", f"{BASE}/models", self.list_models),
            ("GET", f"{BASE}/models/{{name}}", self.get_model),
            ("PUT", f"{BASE}/models/{{name}}", self.put_model),
            ("DELETE", f"{BASE}/models/{{name}}", self.delete_model),
            ("GET", f"{BASE}/models/{{name}}/versions", self.list_model_versions),
            ("GET", version, self.get_model_version),
            ("PUT", version, self.put_model_version),
            ("DELETE", version, self.delete_model),
            ("GET", f"{BASE}/computes", self.list_computes),
            ("GET", f"{BASE}/computes/{{name}}", self.get_compute),
            ("PUT", f"{BASE}/computes/{{name}}", self.put_compute),
            ("DELETE", f"{BASE}/computes/{{name}}", self.delete_compute),
            ("GET", f"{BASE}/batchEndpoints", self.list_endpoints),
            ("GET", endpoint, self.get_endpoint),
            ("PUT", endpoint, self.put_endpoint),
            ("PATCH", endpoint, self.patch_endpoint),
            ("DELETE", endpoint, self.delete_endpoint),
            ("GET", f"{endpoint}/deployments", self.list_deployments),
            ("GET", deployment, self.get_deployment),
            ("PUT", deployment, self.put_deployment),
            ("PATCH", deployment, self.patch_deployment),
            ("DELETE", deployment, self.delete_deployment),
            ("GET", f"{BASE}/jobs", self.list_jobs),
            ("GET", f"{BASE}/jobs/{{name}}", self.get_job),
            ("POST", f"{BASE}/jobs/{{name}}/cancel", self.cancel_job),
        ]
        return [
            *(ArmRoute(*row) for row in table),
            *operation_routes(self.cloud.operations, PROVIDER, self.cloud.arm_caller, *STATUS),
        ]


def only(request: Request, *known: str) -> None:
    """Raises AzureError 501 for a query parameter that would be ignored."""
    accepted = {"api-version", *known}
    for name in request.query_params:
        if name not in accepted:
            raise not_imitated(f"the query parameter {name} of {request.url.path}")


def view(request: Request) -> View:
    wanted = request.query_params.get("listViewType", "ActiveOnly")
    if wanted not in ("ActiveOnly", "ArchivedOnly", "All"):
        raise invalid(f"listViewType '{wanted}' is none of ActiveOnly, ArchivedOnly, All.", "listViewType")
    return cast("View", wanted)


def number(request: Request, name: str, default: int) -> int:
    sent = request.query_params.get(name, str(default))
    if not sent.isdecimal():
        raise invalid(f"{name} '{sent}' is no number.", name)
    return int(sent)


def ordered(request: Request, newest_first: list[Document]) -> list[Document]:
    """Return the documents as $orderBy and $top request; by default newest first."""
    order = request.query_params.get("$orderBy", "createdtime desc").lower()
    if order not in ("createdtime desc", "createdtime asc", "createdtime"):
        raise not_imitated(f"$orderBy={order}: createdtime desc or asc")
    documents = newest_first if order.endswith("desc") else newest_first[::-1]
    return documents[: number(request, "$top", len(documents))]
