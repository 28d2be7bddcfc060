"""The host's own paths: `/`, `/admin/host/…`, `/admin/functions/…`.

All of them except the host's state require the master key. In Azure the state requires it too; here
localcloud polls the state while the host starts, and it reveals only that the host is running.
Source: HostController.cs, FunctionsController.cs, KeysController.cs of the Functions host.
"""

import asyncio
import json
import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from localcloud import json_texts
from localcloud.functions.bundles import Bundle
from localcloud.functions.functions import App, Function
from localcloud.functions.http import HttpFunctions, not_imitated
from localcloud.functions.keys import Access, HostKeys, sent_key
from localcloud.functions.protos import TypedData
from localcloud.functions.routing import Handler, HostRoute
from localcloud.functions.worker import FunctionFailedError, Worker

log = logging.getLogger("Host.Admin")

# The input of a timer function that a person runs by hand.
TIMER = json.dumps({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False})


class Admin:
    def __init__(
        self,
        app: App,
        worker: Worker,
        keys: HostKeys,
        http: HttpFunctions,
        origin: str,
        client: str,
        bundle: Bundle | None,
    ) -> None:
        self._app = app
        self._worker = worker
        self._keys = keys
        self._http = http
        self._origin = origin
        self._client = client
        self._bundle = bundle
        self._begun: set[asyncio.Task[None]] = set()

    def routes(self) -> list[HostRoute]:
        return [
            HostRoute(["GET", "HEAD"], "", self.page),
            HostRoute(["GET"], "admin/host/status", self.status),
            HostRoute(["GET", "POST"], "admin/host/ping", self.ping),
            HostRoute(["GET"], "admin/functions", self._guarded(self.list_functions)),
            HostRoute(["GET"], "admin/functions/{name}", self._guarded(self.get_function)),
            HostRoute(["POST"], "admin/functions/{name}", self._guarded(self.invoke)),
            HostRoute(["GET"], "admin/functions/{name}/keys", self._guarded(self.function_keys)),
            HostRoute(["GET"], "admin/host/{scope:alpha}/{name?}", self._guarded(self.host_keys)),
            HostRoute([], "admin/{*rest}", self._guarded(self.anything_else)),
        ]

    async def page(self, _: Request) -> Response:
        return PlainTextResponse("Your function app is up and running (localcloud).\n")

    async def status(self, _: Request) -> Response:
        return JSONResponse({"state": "Running", **told(self._bundle)})

    async def ping(self, _: Request) -> Response:
        return Response(status_code=200)

    async def list_functions(self, _: Request) -> Response:
        return JSONResponse([self._describe(function) for function in self._app])

    async def get_function(self, request: Request) -> Response:
        function = self._app.get(request.path_params["name"])
        return JSONResponse(self._describe(function)) if function else Response(status_code=404)

    async def invoke(self, request: Request) -> Response:
        """Start a function that has no HTTP trigger; answers 202 without waiting for it, as Azure does."""
        function = self._app.get(request.path_params["name"])
        if function is None:
            return Response(status_code=404)
        try:
            body = json_texts.loads(await request.body())
            given = trigger_data(function, str(body.get("input") or ""))
        except (ValueError, AttributeError) as error:
            return JSONResponse({"Message": f'A body {{"input": "…"}} is expected: {error}'}, 400)
        if given is None or function.not_served:
            return not_imitated(f"a call by hand of '{function.name}', a function with {function.kind}")
        task = asyncio.create_task(self._run(function, given))
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        return Response(status_code=202)

    async def host_keys(self, request: Request) -> Response:
        scope, name = request.path_params["scope"].lower(), request.path_params.get("name")
        keys = {
            "keys": self._keys.functions,
            "functionkeys": self._keys.functions,
            "systemkeys": self._keys.systems,
        }.get(scope)
        if keys is None:
            return await self.anything_else(request)
        if name is None:
            return JSONResponse({"keys": [{"name": key, "value": value} for key, value in keys.items()]})
        if scope == "systemkeys":
            keys = {**keys, "_master": self._keys.master}
        if name not in keys:
            return Response(status_code=404)
        return JSONResponse({"name": name, "value": keys[name]})

    async def function_keys(self, request: Request) -> Response:
        """Answer with an empty list: the host's keys open every function, and no function has its own."""
        found = self._app.get(request.path_params["name"])
        return JSONResponse({"keys": []}) if found else Response(status_code=404)

    async def anything_else(self, request: Request) -> Response:
        return not_imitated(f"{request.method} {request.url.path}")

    def _guarded(self, handler: Handler) -> Handler:
        async def check(request: Request) -> Response:
            access = self._keys.admin_access(sent_key(request))
            return await handler(request) if access is Access.GRANTED else Response(status_code=access.value)

        return check

    async def _run(self, function: Function, given: TypedData) -> None:
        try:
            await self._worker.invoke(function, given, self._client)
        except FunctionFailedError:
            log.warning("Function '%s', called by hand, failed; see above", function.name)

    def _describe(self, function: Function) -> dict[str, Any]:
        route = self._http.template(function) if function.kind == "httpTrigger" else None
        return describe(function) | {
            "href": f"{self._origin}/admin/functions/{function.name}",
            "invoke_url_template": f"{self._origin}/{route}" if route else None,
        }


def told(bundle: Bundle | None) -> dict[str, Any]:
    """What the host's status says of its bundle."""
    return {"extensionBundle": {"id": bundle.id, "version": bundle.version}} if bundle else {}


def describe(function: Function) -> dict[str, Any]:
    """What is known of a function without a host that serves it."""
    return {
        "name": function.name,
        "config": {"bindings": list(function.bindings)},
        "isDisabled": False,
        "language": "python",
    }


def trigger_data(function: Function, text: str) -> TypedData | None:
    """Return the trigger's input for a call by hand, or None if its kind cannot be called by hand.

    Raises ValueError for input that the trigger cannot read.
    """
    if function.kind == "eventGridTrigger":
        json_texts.loads(text)
        return TypedData(json=text)
    return TypedData(json=TIMER) if function.kind == "timerTrigger" else None
