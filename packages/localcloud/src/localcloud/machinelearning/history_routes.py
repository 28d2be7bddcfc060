"""The run history: children of a job, and why a run failed.

azure-ai-ml finds its address through the workspace's discoveryUrl, and reads from it what Resource Manager
does not show: `jobs.list(parent_job_name=…)` and a run's error. Source: azure-ai-ml 1.35
`_run_operations.py` and `_restclient/runhistory`.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import known_scope
from localcloud.machinelearning import jobs as job_forms
from localcloud.machinelearning import workspace
from localcloud.machinelearning.jobs import Jobs
from localcloud.machinelearning.uris import PROVIDER, Workspace
from localcloud.rights import EVERYBODY, Right
from localcloud.service import Cloud
from localcloud.wire import ArmRoute

BASE = (
    "/history/v1.0/subscriptions/{subscription}/resourceGroups/{group}"
    f"/providers/{PROVIDER}/workspaces/{{workspace}}/runs/{{run}}"
)


def routes(cloud: Cloud, own: Workspace, jobs: Jobs) -> list[BaseRoute]:
    async def discovery(_: Request) -> Response:
        return JSONResponse(workspace.discovery(cloud.home))

    async def run(request: Request) -> Response:
        cloud.arm_caller(request)
        known_scope(request, cloud.inventory)
        id_ = request.path_params["run"]
        job = jobs.by_run(id_)
        return JSONResponse(job_forms.as_run(own, job, child=job["child"] == id_))

    async def details(request: Request) -> Response:
        cloud.arm_caller(request)
        known_scope(request, cloud.inventory)
        id_ = request.path_params["run"]
        job = jobs.by_run(id_)
        return JSONResponse(job_forms.as_run_details(own, job, child=job["child"] == id_))

    async def children(request: Request) -> Response:
        cloud.arm_caller(request)
        known_scope(request, cloud.inventory)
        id_ = request.path_params["run"]
        job = jobs.by_run(id_)
        has_runs = job["hasChild"] and job["child"] != id_
        runs = [job_forms.as_run(own, job, child=True)] if has_runs else []
        return JSONResponse({"value": runs})

    reads = Right(f"{PROVIDER}/workspaces/experiments/runs/read", scope=workspace_of)
    return [
        ArmRoute("GET", "/discovery", discovery, EVERYBODY),
        ArmRoute("GET", BASE, run, reads),
        ArmRoute("GET", f"{BASE}/details", details, reads),
        ArmRoute("GET", f"{BASE}/children", children, reads),
    ]


def workspace_of(request: Request) -> str:
    """The workspace that a path of the run history names. Source of the right: "MLflow operations"."""
    path = request.url.path.removeprefix("/history/v1.0")
    return path[: path.lower().index("/runs/")]
