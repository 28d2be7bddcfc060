"""`/runtime/webhooks/EventGrid`: deliveries of Event Grid to event-triggered functions.

The checks, in this order, and the answers are those of HttpRequestProcessor.cs and
EventGridExtensionConfigProvider.cs of Microsoft.Azure.WebJobs.Extensions.EventGrid: the key, the function's
name, the kind of delivery. A body that is not JSON gets 500, as there; one that is nested too deeply for
localcloud gets 400.
"""

import asyncio
import json
import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from localcloud import json_texts
from localcloud.functions.functions import App, Function
from localcloud.functions.http import not_imitated
from localcloud.functions.keys import Access, HostKeys, sent_key
from localcloud.functions.protos import TypedData
from localcloud.functions.routing import HostRoute
from localcloud.functions.worker import FunctionFailedError, Worker

log = logging.getLogger("Host.EventGrid")

KIND = "aeg-event-type"
ORIGIN = "webhook-request-origin"
PUBLIC_ORIGIN = "eventgrid.azure.net"
ORIGINS = {
    PUBLIC_ORIGIN,
    "eventgrid.azure.us",
    "eventgrid.azure.cn",
    "eventgrid.azure.eaglex.ic.gov",
    "eventgrid.azure.microsoft.scloud",
}


class EventGridWebhook:
    def __init__(self, app: App, worker: Worker, keys: HostKeys, client: str) -> None:
        self._app = app
        self._worker = worker
        self._keys = keys
        self._client = client

    def routes(self) -> list[HostRoute]:
        return [HostRoute([], "runtime/webhooks/eventgrid", self.receive)]

    async def receive(self, request: Request) -> Response:
        access = self._keys.system_access(sent_key(request), "eventgrid")
        if access is not Access.GRANTED:
            return Response(status_code=access.value)
        name = request.query_params.get("functionName", "")
        function = self._app.get(name)
        if function is None or function.kind != "eventGridTrigger":
            return PlainTextResponse(f"cannot find function: '{name}'", 404)
        if function.not_served:
            return not_imitated(f"the bindings {', '.join(function.not_served)} of '{function.name}'")
        if request.method == "OPTIONS":
            return allowed_origin(request)
        return await self._deliver(function, request)

    async def _deliver(self, function: Function, request: Request) -> Response:
        kind = request.headers.get(KIND, "").lower()
        if kind == "unsubscribe":
            return Response(status_code=202)
        if kind not in {"notification", "subscriptionvalidation"}:
            return Response(status_code=400)
        try:
            content = json_texts.loads(await request.body())
            if kind == "subscriptionvalidation":
                log.info("perform handshake with eventGrid for function: %s", function.name)
                return JSONResponse({"validationResponse": validation_code(content)})
            events = as_events(content)
        except json_texts.TooDeepError as error:
            return PlainTextResponse(f"The delivery cannot be read: {error}", 400)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            return PlainTextResponse(f"The delivery cannot be read: {error!r}", 500)
        return await self._run(function, events)

    async def _run(self, function: Function, events: list[dict[str, Any]]) -> Response:
        runs = (
            self._worker.invoke(function, TypedData(json=json.dumps(event)), self._client) for event in events
        )
        for outcome in await asyncio.gather(*runs, return_exceptions=True):
            if isinstance(outcome, FunctionFailedError):
                return PlainTextResponse(
                    f"Exception while executing function: Functions.{function.name}", 500
                )
            if isinstance(outcome, BaseException):
                raise outcome
        return Response(status_code=202)


def allowed_origin(request: Request) -> Response:
    """Answer the handshake of a CloudEvents subscription."""
    origin = request.headers.get(ORIGIN, "")
    allowed = origin if origin in ORIGINS else PUBLIC_ORIGIN
    return Response(status_code=200, headers={"WebHook-Allowed-Origin": allowed})


def validation_code(content: Any) -> str:
    """Return the validation code of an array with one Event Grid event, or of one CloudEvent.

    The data of a CloudEvent may be JSON encoded as a string.
    """
    if isinstance(content, list):
        return str(content[0]["data"]["validationCode"])
    data = content["data"]
    return str((json_texts.loads(data) if isinstance(data, str) else data)["validationCode"])


def as_events(content: Any) -> list[dict[str, Any]]:
    events = content if isinstance(content, list) else [content]
    if not all(isinstance(event, dict) for event in events):
        raise ValueError("a JSON object, or an array of objects, is expected")
    return events
