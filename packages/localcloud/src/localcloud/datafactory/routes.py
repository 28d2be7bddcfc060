"""Data Factory's HTTP routes.

Source: "Data Factory REST API" 2018-06-01: Factories, Linked Services, Pipelines, Pipeline Runs, Activity
Runs; the paths as azure-mgmt-datafactory calls them. Fault point: `datafactory.query` (where: kind
"pipelineruns" or "activityruns"; "drop": the answer leaves out what began in the last `seconds`, as a
listing does that lags behind).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from localcloud.arm import known_scope
from localcloud.datafactory import queries
from localcloud.datafactory.errors import BadRequestError
from localcloud.datafactory.execution import Runner
from localcloud.datafactory.expressions import ExpressionError
from localcloud.datafactory.resources import (
    CREDENTIAL,
    LINKED_SERVICE,
    PIPELINE,
    Resources,
    child_body,
    factory_body,
    factory_id,
    properties_of,
)
from localcloud.datafactory.runs import UNFINISHED, PipelineRun, RunHistory
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import ArmRoute, Handler, api_version, json_body, not_imitated, timestamp

PROVIDER = "providers/Microsoft.DataFactory/factories"
GROUP_PATH = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/{PROVIDER}"
FACTORY_PATH = f"{GROUP_PATH}/{{factory}}"
ABSENT = (
    "adfcdcs",
    "dataflows",
    "datasets",
    "globalParameters",
    "integrationRuntimes",
    "managedVirtualNetworks",
    "privateEndpointConnections",
    "triggers",
)
"""Children of a factory that are answered with 501."""


class Routes:
    """The handlers of Data Factory: each reads the request, calls the state once, and answers."""

    def __init__(self, cloud: Cloud, resources: Resources, history: RunHistory, runner: Runner) -> None:
        self.cloud = cloud
        self.resources = resources
        self.history = history
        self.runner = runner

    def all(self) -> list[BaseRoute]:
        """Return all routes for the TLS listener."""
        runs = f"{FACTORY_PATH}/pipelineruns/{{run}}"
        absent = [
            ArmRoute(method, f"{FACTORY_PATH}/{child}{name}", self._open(self.absent))
            for child in ABSENT
            for name in ("", "/{name}")
            for method in ("GET", "PUT", "DELETE")
        ]
        return [
            ArmRoute("GET", f"/subscriptions/{{subscription}}/{PROVIDER}", self._open(self.list_factories)),
            ArmRoute("GET", GROUP_PATH, self._open(self.list_factories)),
            ArmRoute("GET", FACTORY_PATH, self._open(self.get_factory)),
            ArmRoute("PUT", FACTORY_PATH, self._open(self.put_factory)),
            ArmRoute("DELETE", FACTORY_PATH, self._open(self.delete_factory)),
            *self._children("credentials", CREDENTIAL),
            *self._children("linkedservices", LINKED_SERVICE),
            *self._children("pipelines", PIPELINE),
            ArmRoute("POST", f"{FACTORY_PATH}/pipelines/{{name}}/createRun", self._open(self.create_run)),
            ArmRoute("GET", runs, self._open(self.get_run)),
            ArmRoute("POST", f"{runs}/cancel", self._open(self.cancel_run)),
            ArmRoute("POST", f"{runs}/queryActivityruns", self._open(self.query_activity_runs)),
            ArmRoute("POST", f"{FACTORY_PATH}/queryPipelineRuns", self._open(self.query_pipeline_runs)),
            *absent,
        ]

    def control(self) -> list[BaseRoute]:
        async def retry_now(_: Request) -> Response:
            self.runner.retry_now()
            return Response(status_code=204)

        return [Route("/datafactory/retries", retry_now, methods=["POST"])]

    async def list_factories(self, _: Request) -> Response:
        return JSONResponse(
            {
                "value": [
                    factory_body(self.cloud.inventory, document) for document in self.resources.factories()
                ]
            }
        )

    async def get_factory(self, request: Request) -> Response:
        document = self.resources.factory(request.path_params["factory"])
        return unless_same(request, document, factory_body(self.cloud.inventory, document))

    async def put_factory(self, request: Request) -> Response:
        document = self.resources.put_factory(
            request.path_params["factory"], await json_body(request), request.headers.get("if-match")
        )
        return JSONResponse(factory_body(self.cloud.inventory, document))

    async def delete_factory(self, request: Request) -> Response:
        found = self.resources.delete_factory(request.path_params["factory"])
        return Response(status_code=200 if found else 204)

    async def create_run(self, request: Request) -> Response:
        factory = request.path_params["factory"]
        pipeline = self.resources.pipeline(factory, request.path_params["name"])
        query = request.query_params
        if query.get("startActivityName") or is_true(query.get("startFromFailure")):
            raise not_imitated("a run that starts at an activity of another run")
        given, group_id = await json_body(request), ""
        reference = query.get("referencePipelineRunId")
        recovery = is_true(query.get("isRecovery"))
        if recovery and not reference:
            raise BadRequestError("isRecovery needs referencePipelineRunId.", "isRecovery")
        if reference:
            earlier = self.history.run(factory, reference)
            if earlier.pipeline != pipeline.name:
                raise BadRequestError(f"The run '{reference}' is one of '{earlier.pipeline}'.", reference)
            if recovery and earlier.status in UNFINISHED:
                raise BadRequestError(
                    f"The run '{reference}' has not ended: it needs no recovery yet.", reference
                )
            given = earlier.parameters
            group_id = earlier.group_id if recovery else ""
        run = PipelineRun.of(factory, pipeline, pipeline.arguments(given), group_id)
        try:
            self.runner.begin(pipeline, run)
        except ExpressionError as error:
            raise BadRequestError(f"runDimensions have no value: {error}.", "runDimensions") from None
        if recovery:
            self.history.supersede(run)
        return JSONResponse({"runId": run.run_id})

    async def get_run(self, request: Request) -> Response:
        return JSONResponse(self._body(self._run(request)))

    async def cancel_run(self, request: Request) -> Response:
        self.runner.cancel(self._run(request))
        return Response(status_code=200)

    async def query_pipeline_runs(self, request: Request) -> Response:
        factory = request.path_params["factory"]
        self.resources.factory(factory)
        body = await json_body(request)
        runs = [self._body(run) for run in self.history.runs(factory)]
        listed = await self._listed("pipelineruns", runs, "runStart")
        return JSONResponse(queries.query(listed, "runId", queries.PIPELINE_RUN_OPERANDS, body))

    async def query_activity_runs(self, request: Request) -> Response:
        run = self._run(request)
        body = await json_body(request)
        runs = [activity.body() for activity in self.history.activities(run.run_id)]
        listed = await self._listed("activityruns", runs, "activityRunStart")
        return JSONResponse(queries.query(listed, "activityRunId", queries.ACTIVITY_RUN_OPERANDS, body))

    async def absent(self, request: Request) -> Response:
        raise not_imitated(f"'{request.url.path}' of Data Factory")

    def _body(self, run: PipelineRun) -> Document:
        return run.body(factory_id(self.cloud.inventory, run.factory))

    def _run(self, request: Request) -> PipelineRun:
        factory = request.path_params["factory"]
        self.resources.factory(factory)
        return self.history.run(factory, request.path_params["run"])

    async def _listed(self, kind: str, runs: list[dict[str, Any]], start: str) -> list[dict[str, Any]]:
        """Return the runs that a query lists: under the fault "drop", none of the last seconds."""
        fault = await self.cloud.faults.at("datafactory.query", kind=kind)
        if fault is None or fault.action != "drop":
            return runs
        first_unlisted = timestamp(datetime.now(UTC) - timedelta(seconds=fault.seconds))
        return [run for run in runs if run[start] < first_unlisted]

    def _children(self, segment: str, kind: str) -> list[BaseRoute]:
        """Return the routes that list, get, put and delete a factory's resources of one kind."""

        async def list_all(request: Request) -> Response:
            factory = self.resources.factory(request.path_params["factory"])["name"]
            bodies = [
                child_body(self.cloud.inventory, kind, factory, document)
                for document in self.resources.list(kind, factory)
            ]
            return JSONResponse({"value": bodies})

        async def get(request: Request) -> Response:
            factory = self.resources.factory(request.path_params["factory"])["name"]
            document = self.resources.get(kind, factory, request.path_params["name"])
            return unless_same(request, document, child_body(self.cloud.inventory, kind, factory, document))

        async def put(request: Request) -> Response:
            factory = self.resources.factory(request.path_params["factory"])["name"]
            name, if_match = request.path_params["name"], request.headers.get("if-match")
            properties = properties_of(await json_body(request))
            store = {
                CREDENTIAL: self.resources.put_credential,
                LINKED_SERVICE: self.resources.put_linked_service,
                PIPELINE: self.resources.put_pipeline,
            }[kind]
            return JSONResponse(
                child_body(self.cloud.inventory, kind, factory, store(factory, name, properties, if_match))
            )

        async def delete(request: Request) -> Response:
            factory = self.resources.factory(request.path_params["factory"])["name"]
            found = self.resources.delete(kind, factory, request.path_params["name"])
            return Response(status_code=200 if found else 204)

        one = f"{FACTORY_PATH}/{segment}/{{name}}"
        return [
            ArmRoute("GET", f"{FACTORY_PATH}/{segment}", self._open(list_all)),
            ArmRoute("GET", one, self._open(get)),
            ArmRoute("PUT", one, self._open(put)),
            ArmRoute("DELETE", one, self._open(delete)),
        ]

    def _open(self, handler: Handler) -> Handler:
        """Wrap `handler` in the checks of the token, the api-version, the subscription and the group."""

        async def checked(request: Request) -> Response:
            self.cloud.arm_caller(request)
            api_version(request, "2018-06-01")
            known_scope(request, self.cloud.inventory)
            return await handler(request)

        return checked


def unless_same(request: Request, document: Document, body: dict[str, Any]) -> Response:
    """Answer with `body`, or with 304 if the client already has this version."""
    if request.headers.get("if-none-match", "").strip('"') == document["etag"]:
        return Response(status_code=304)
    return JSONResponse(body)


def is_true(text: str | None) -> bool:
    return text is not None and text.lower() == "true"
