"""The host of one app: loads the app, starts its durable engine and assembles its routes."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from localcloud.functions.admin import Admin
from localcloud.functions.authentication import Authentication, Rules
from localcloud.functions.clock import LoopClock
from localcloud.functions.durable import Dispatcher, client_binding, required_query
from localcloud.functions.durable_api import DurableApi
from localcloud.functions.engine import Engine
from localcloud.functions.front_end import FrontEnd
from localcloud.functions.functions import SERVED_TRIGGERS, App
from localcloud.functions.hostjson import HostSettings
from localcloud.functions.http import HttpFunctions
from localcloud.functions.hub import TaskHub
from localcloud.functions.keys import Access, HostKeys, sent_key
from localcloud.functions.routing import Handler, HostRoute, ordered
from localcloud.functions.rpc import RpcServer
from localcloud.functions.webhooks import EventGridWebhook
from localcloud.functions.worker import Worker, threads_for

log = logging.getLogger("Host.Startup")


@dataclass(frozen=True)
class Host:
    """A loaded app, ready to serve; call `start` and `stop` on the event loop that serves it."""

    web: Starlette
    app: App
    worker: Worker
    dispatcher: Dispatcher
    rpc: RpcServer

    def start(self) -> None:
        self.rpc.start()
        self.dispatcher.start()

    async def stop(self, grace: float) -> None:
        """Stop the app, waiting up to `grace` seconds for functions that are running."""
        await self.dispatcher.stop(grace)
        self.rpc.stop()
        self.worker.stop()


def worker_for(folder: Path, settings: HostSettings) -> Worker:
    limits = (settings.max_activities, settings.max_orchestrators, settings.max_entities)
    return Worker(folder, threads_for(*limits), settings.function_timeout)


async def load(
    worker: Worker, settings: HostSettings, keys: HostKeys, origin: str, rules: Rules | None = None
) -> Host:
    """Index the app and connect it to everything that serves it. Raises AppLoadError.

    rules: those of App Service authentication, if it is on.
    """
    app = await worker.load()
    hub = TaskHub(Engine(LoopClock(asyncio.get_running_loop())), app, settings)
    rpc = RpcServer(hub, settings.max_message_bytes)
    key = keys.systems["durabletask_extension"]
    client = client_binding(settings, rpc.address, origin, key)
    http = HttpFunctions(app, worker, keys, settings.route_prefix, client)
    routes = [
        *Admin(app, worker, keys, http, origin, client, settings.bundle).routes(),
        *EventGridWebhook(app, worker, keys, client).routes(),
        *DurableApi(hub, keys, required_query(settings, key)).routes(),
        *http.routes(),
        HostRoute([], "runtime/webhooks/{extension}/{*rest}", no_such_extension(keys)),
    ]
    web = Starlette(
        routes=ordered(routes),
        middleware=[Middleware(FrontEnd), Middleware(Authentication, rules)],
        exception_handlers={404: empty},
    )
    announce(app, http, origin)
    return Host(web, app, worker, Dispatcher(hub.engine, worker, app, settings, client), rpc)


def announce(app: App, http: HttpFunctions, origin: str) -> None:
    log.info("Found the following functions: %s", ", ".join(function.name for function in app))
    for function in app:
        if function.kind == "httpTrigger":
            methods = ",".join(function.trigger.get("methods") or ["ANY"])
            log.info("%s: [%s] %s/%s", function.name, methods, origin, http.template(function))
        elif function.kind not in SERVED_TRIGGERS:
            log.warning(
                "%s: nothing here fires its %s; run it with POST %s/admin/functions/%s",
                function.name,
                function.kind,
                origin,
                function.name,
            )
        for kind in function.not_served:
            log.error("%s: localcloud does not imitate its %s binding; it will not run", function.name, kind)


def no_such_extension(keys: HostKeys) -> Handler:
    async def answer(request: Request) -> Response:
        access = keys.system_access(sent_key(request), request.path_params["extension"])
        return Response(status_code=404 if access is Access.GRANTED else access.value)

    return answer


async def empty(_: Request, error: Exception) -> Response:
    return Response(status_code=error.status_code if isinstance(error, HTTPException) else 500)
