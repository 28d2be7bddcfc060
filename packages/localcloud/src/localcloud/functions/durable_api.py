"""`/runtime/webhooks/durabletask`: the HTTP management API of the Durable extension.

Source: HttpApiHandler.cs of the extension; "HTTP API reference" of Durable Functions. The API's entity routes
and makeprimary are not implemented and answer 501.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import durabletask.internal.orchestrator_service_pb2 as pb
from azure.durable_functions.internal.compat.history_projection import project_history
from durabletask.internal.history_helpers import collect_history_events
from google.protobuf.wrappers_pb2 import StringValue  # type: ignore[import-untyped]
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud import json_texts
from localcloud.functions.durable import management_urls
from localcloud.functions.http import not_imitated
from localcloud.functions.hub import FINISHED, HubError, InvalidArgumentError, TaskHub, status_name
from localcloud.functions.keys import Access, HostKeys, sent_key
from localcloud.functions.routing import Handler, HostRoute

ROOT = "runtime/webhooks/durabletask"
TOKEN = "x-ms-continuation-token"  # noqa: S105 - the name of a header
POLL_HINT_SECONDS = 5
START_HINT_SECONDS = 10
STATUSES = {
    "running": pb.ORCHESTRATION_STATUS_RUNNING,
    "completed": pb.ORCHESTRATION_STATUS_COMPLETED,
    "continuedasnew": pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW,
    "failed": pb.ORCHESTRATION_STATUS_FAILED,
    "canceled": pb.ORCHESTRATION_STATUS_CANCELED,
    "terminated": pb.ORCHESTRATION_STATUS_TERMINATED,
    "pending": pb.ORCHESTRATION_STATUS_PENDING,
    "suspended": pb.ORCHESTRATION_STATUS_SUSPENDED,
}


class DurableApi:
    def __init__(self, hub: TaskHub, keys: HostKeys, required_query: str) -> None:
        self._hub = hub
        self._keys = keys
        self._required = required_query

    def routes(self) -> list[HostRoute]:
        instance = f"{ROOT}/instances/{{id}}"
        table: list[tuple[str, str, Handler]] = [
            ("POST", f"{ROOT}/orchestrators/{{function}}/{{id?}}", self.start),
            ("GET", f"{ROOT}/instances", self.list_instances),
            ("DELETE", f"{ROOT}/instances", self.purge_many),
            ("GET", instance, self.status),
            ("DELETE", instance, self.purge),
            ("POST", f"{instance}/raiseEvent/{{event}}", self.raise_event),
            ("POST", f"{instance}/terminate", self._steers(self._hub.terminate)),
            ("POST", f"{instance}/suspend", self._steers(self._hub.suspend)),
            ("POST", f"{instance}/resume", self._steers(self._hub.resume)),
            ("POST", f"{instance}/rewind", self.rewind),
            ("POST", f"{instance}/restart", self.restart),
        ]
        routes = [HostRoute([method], path, self._guarded(handler)) for method, path, handler in table]
        routes += [
            HostRoute([], f"{ROOT}/{path}", self._guarded(self.absent))
            for path in ("entities/{*rest}", "makeprimary")
        ]
        return [*routes, HostRoute([], f"{ROOT}/{{*rest}}", self._guarded(self.unknown))]

    async def start(self, request: Request) -> Response:
        raw = await request.body()
        if raw:
            json_texts.loads(raw)
        given = request.path_params
        id_ = self._hub.start(given["function"], raw.decode() if raw else None, given.get("id", ""))
        return await self._begun(request, id_)

    async def status(self, request: Request) -> Response:
        return self._status(request, request.path_params["id"])

    async def list_instances(self, request: Request) -> Response:
        query, given = pb.InstanceQuery(fetchInputsAndOutputs=True), request.query_params
        query.runtimeStatus.extend(statuses(request))
        query.maxInstanceCount = int(given.get("top") or 0)
        for name, field in (
            ("createdTimeFrom", query.createdTimeFrom),
            ("createdTimeTo", query.createdTimeTo),
        ):
            if moment(given.get(name)):
                field.FromDatetime(moment(given.get(name)))
        if given.get("instanceIdPrefix"):
            query.instanceIdPrefix.CopyFrom(StringValue(value=given["instanceIdPrefix"]))
        if request.headers.get(TOKEN):
            query.continuationToken.CopyFrom(StringValue(value=request.headers[TOKEN]))
        found, token = self._hub.query(query)
        show_input = flag(request, "showInput", True)
        return JSONResponse([described(state, show_input) for state in found], headers={TOKEN: token})

    async def raise_event(self, request: Request) -> Response:
        refusal = self._finished_or_missing(request)
        if refusal:
            return refusal
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return refused(400, "Only application/json request content is supported")
        text = (await request.body()).decode()
        if text:
            json_texts.loads(text)
        self._hub.raise_event(request.path_params["id"], request.path_params["event"], text or None)
        return Response(status_code=202)

    async def rewind(self, request: Request) -> Response:
        """Rewind a failed instance. For one that is still running, the host answers 500, as in Azure."""
        state = self._hub.get(request.path_params["id"])
        if state is None:
            return Response(status_code=404)
        if state.orchestrationStatus in FINISHED and state.orchestrationStatus != STATUSES["failed"]:
            return Response(status_code=410)
        self._hub.rewind(request.path_params["id"], request.query_params.get("reason"))
        return Response(status_code=202)

    async def restart(self, request: Request) -> Response:
        with_new_id = flag(request, "restartWithNewInstanceId", True)
        return await self._begun(request, self._hub.restart(request.path_params["id"], with_new_id))

    async def purge(self, request: Request) -> Response:
        if self._hub.get(request.path_params["id"]) is None:
            return Response(status_code=404)
        return JSONResponse({"instancesDeleted": self._hub.purge(request.path_params["id"])})

    async def purge_many(self, request: Request) -> Response:
        begin = moment(request.query_params.get("createdTimeFrom"))
        if begin is None:
            return refused(400, "Please provide value for 'createdTimeFrom' parameter.")
        end = moment(request.query_params.get("createdTimeTo")) or datetime.now(UTC)
        deleted = self._hub.purge_between(begin, end, statuses(request))
        return JSONResponse({"instancesDeleted": deleted}) if deleted else Response(status_code=404)

    async def absent(self, request: Request) -> Response:
        return not_imitated(f"{request.method} {request.url.path}")

    async def unknown(self, _: Request) -> Response:
        return Response(status_code=404)

    def _steers(self, operation: Callable[[str, str | None], None]) -> Handler:
        async def steer(request: Request) -> Response:
            refusal = self._finished_or_missing(request)
            if refusal:
                return refusal
            operation(request.path_params["id"], request.query_params.get("reason"))
            return Response(status_code=202)

        return steer

    def _guarded(self, handler: Handler) -> Handler:
        """Require the extension's key, and answer the hub's errors with the extension's own messages."""

        async def check(request: Request) -> Response:
            access = self._keys.system_access(sent_key(request), "durabletask")
            if access is not Access.GRANTED:
                return Response(status_code=access.value)
            hub = request.query_params.get("taskHub") or self._hub.name
            if hub.lower() != self._hub.name.lower():
                return not_imitated(f"a second task hub ('{hub}' beside '{self._hub.name}')")
            try:
                return await handler(request)
            except InvalidArgumentError as error:
                return refused(400, "One or more of the arguments submitted is incorrect", error)
            except ValueError as error:
                return refused(400, "Invalid JSON content", error)
            except HubError as error:
                return refused(500, "Something went wrong while processing your request", error)

        return check

    def _finished_or_missing(self, request: Request) -> Response | None:
        state = self._hub.get(request.path_params["id"])
        if state is None:
            return Response(status_code=404)
        return Response(status_code=410) if state.orchestrationStatus in FINISHED else None

    def _status(self, request: Request, id_: str) -> Response:
        state = self._hub.get(id_)
        if state is None:
            return Response(status_code=404)
        show_input = flag(request, "showInput", True)
        body = described(state, show_input)
        if flag(request, "showHistory", False) and state.orchestrationStatus != STATUSES["pending"]:
            events = collect_history_events([pb.HistoryChunk(events=self._hub.history(id_))])
            outputs = flag(request, "showHistoryOutput", False)
            body["historyEvents"] = project_history(
                events, show_input=show_input, show_history_output=outputs
            )
        if state.orchestrationStatus not in FINISHED:
            where = {"Location": str(request.url), "Retry-After": str(POLL_HINT_SECONDS)}
            return JSONResponse(body, 202, where)
        failed = state.orchestrationStatus == STATUSES["failed"]
        return JSONResponse(
            body, 500 if failed and flag(request, "returnInternalServerErrorOnFailure", False) else 200
        )

    async def _begun(self, request: Request, id_: str) -> Response:
        """Answer a start: at once, or, given `timeout` and `pollingInterval`, once the instance has ended."""
        timeout, interval = (number(request, name) for name in ("timeout", "pollingInterval"))
        if timeout is not None and interval is not None:
            end = time.monotonic() + timeout
            while time.monotonic() < end:
                state = self._hub.get(id_)
                if state is not None and state.orchestrationStatus == STATUSES["completed"]:
                    return JSONResponse(decoded(state.output.value))
                if state is not None and state.orchestrationStatus in FINISHED:
                    return self._status(request, id_)
                await asyncio.sleep(min(interval, max(0.0, end - time.monotonic())))
        base = f"{request.url.scheme}://{request.url.netloc}/{ROOT}"
        urls = management_urls(base, quote(id_, safe=""), self._required)
        where = {"Location": urls["statusQueryGetUri"], "Retry-After": str(START_HINT_SECONDS)}
        return JSONResponse({**urls, "id": id_}, 202, where)


def described(state: pb.OrchestrationState, show_input: bool) -> dict[str, Any]:
    """Return an instance's state in the API's form."""
    output = decoded(state.output.value) if state.output.value else None
    if output is None and state.HasField("failureDetails"):
        output = state.failureDetails.errorMessage
    return {
        "name": state.name,
        "instanceId": state.instanceId,
        "runtimeStatus": status_name(state),
        "input": decoded(state.input.value) if show_input and state.input.value else None,
        "customStatus": decoded(state.customStatus.value) if state.customStatus.value else None,
        "output": output,
        "createdTime": seconds(state.createdTimestamp.ToDatetime()),
        "lastUpdatedTime": seconds(state.lastUpdatedTimestamp.ToDatetime()),
        "historyEvents": None,
    }


def decoded(text: str) -> Any:
    """Decode JSON; returns the text itself if it is not JSON, as the reason of a termination is not."""
    try:
        return json_texts.loads(text)
    except ValueError:
        return text


def seconds(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='seconds')}Z"


def refused(status: int, message: str, error: Exception | None = None) -> Response:
    body = {"Message": message}
    if error is not None:
        body["ExceptionMessage"] = str(error)
        body["ExceptionType"] = type(error).__name__
    return JSONResponse(body, status)


def statuses(request: Request) -> list[pb.OrchestrationStatus]:
    """Read `runtimeStatus=Running,Failed`, which may be repeated. Unknown names are ignored, as in Azure."""
    names = ",".join(request.query_params.getlist("runtimeStatus")).split(",")
    return [STATUSES[name.strip().lower()] for name in names if name.strip().lower() in STATUSES]


def moment(text: str | None) -> datetime | None:
    """Read a time from a query; returns None if it is missing or malformed, as Azure does."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def flag(request: Request, name: str, default: bool) -> bool:
    return {"true": True, "false": False}.get(request.query_params.get(name, "").lower(), default)


def number(request: Request, name: str) -> float | None:
    try:
        return float(request.query_params.get(name, ""))
    except ValueError:
        return None
