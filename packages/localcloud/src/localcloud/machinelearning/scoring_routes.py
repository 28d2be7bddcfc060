"""The scoring routes of endpoints: start and poll jobs, with a token for https://ml.azure.com.

Every endpoint has its own host; in Azure, `https://<endpoint>.<region>.inference.ml.azure.com/jobs`. Source:
"Deploy models with REST for batch scoring"; azure-ai-ml 1.35 `_batch_endpoint_operations.py`.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Host, Router

from localcloud.machinelearning import jobs as job_forms
from localcloud.machinelearning.endpoints import Endpoints
from localcloud.machinelearning.errors import not_found
from localcloud.machinelearning.jobs import Jobs
from localcloud.machinelearning.jobs import Request as Invocation
from localcloud.machinelearning.scoring import Scoring
from localcloud.machinelearning.uris import PROVIDER, Workspace
from localcloud.rights import Right
from localcloud.service import Cloud
from localcloud.wire import ArmRoute, json_body

AUDIENCE = "https://ml.azure.com"
DEPLOYMENT_HEADER = "azureml-model-deployment"
REPEATABILITY_HEADER = "repeatability_request-id"


def routes(
    cloud: Cloud, workspace: Workspace, endpoints: Endpoints, jobs: Jobs, scoring: Scoring
) -> list[BaseRoute]:
    async def invoke(request: Request) -> Response:
        caller = cloud.caller(request)
        endpoint = request.path_params["endpoint"].lower()
        deployment = endpoints.scored_by(endpoint, request.headers.get(DEPLOYMENT_HEADER))
        invocation = Invocation.parse(await json_body(request), workspace)
        repeatability = request.headers.get(REPEATABILITY_HEADER, "")
        job = jobs.repeated(endpoint, repeatability)
        if job is None:
            job = jobs.create(deployment, invocation, repeatability, caller)
            scoring.begin(job)
        return JSONResponse(job_forms.as_batch_job(workspace, job), 201)

    async def get(request: Request) -> Response:
        path = request.path_params
        job = jobs.get(path["name"])
        if job["endpoint"] != path["endpoint"].lower():
            raise not_found("The job", path["name"])
        return JSONResponse(job_forms.as_batch_job(workspace, job))

    async def list_all(request: Request) -> Response:
        endpoint = endpoints.get(request.path_params["endpoint"])["name"]
        return JSONResponse(
            {
                "value": [
                    job_forms.as_batch_job(workspace, job)
                    for job in jobs.all()
                    if job["endpoint"] == endpoint
                ]
            }
        )

    def endpoint_of(request: Request) -> str:
        return f"{workspace.path}/batchEndpoints/{request.path_params['endpoint']}"

    jobs_of = f"{PROVIDER}/workspaces/batchEndpoints/jobs"
    reads = Right(f"{jobs_of}/read", scope=endpoint_of, audience=AUDIENCE)
    writes = Right(f"{jobs_of}/write", scope=endpoint_of, audience=AUDIENCE)
    jobs_of_endpoint: list[BaseRoute] = [
        ArmRoute("POST", "/jobs", invoke, writes),
        ArmRoute("GET", "/jobs", list_all, reads),
        ArmRoute("GET", "/jobs/{name}", get, reads),
    ]
    return [Host(cloud.home.scoring_host("{endpoint}", "{region}"), Router(jobs_of_endpoint))]
