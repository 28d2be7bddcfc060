"""The cloud process, which serves everything except storage and the Functions host, on two listeners.

The TLS listener has Resource Manager and what it manages, scoring URIs, and the custom topic. The plain HTTP
listener has the managed-identity endpoint (as in App Service) and localcloud's own controls. Run it as
`python -m localcloud.cloud HOME`.
"""

import asyncio
import contextlib
import logging
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Host, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from localcloud import (
    arm,
    authorization,
    batch,
    certificates,
    datafactory,
    deployment,
    eventgrid,
    identity,
    kept,
    keyvault,
    log_lines,
    machinelearning,
    sizes,
    spec,
    subscriptions,
    web,
)
from localcloud.deployments import routes as deployments
from localcloud.faults import Fault, Faults, InvalidFaultError
from localcloud.guard import Guard
from localcloud.home import LOOPBACK, Home
from localcloud.http_faults import HttpFaults, Protocol
from localcloud.providers import groups
from localcloud.request_paths import RequestPaths
from localcloud.service import Cloud, Service
from localcloud.storage import accounts, publishing
from localcloud.store import Store
from localcloud.tokens import Tokens
from localcloud.wire import AzureError, Operations, json_body

log = logging.getLogger("localcloud")

SERVICES: list[Callable[[Cloud], Service]] = [
    arm.service,
    subscriptions.service,
    authorization.service,
    deployments.service,
    eventgrid.service,
    machinelearning.service,
    batch.service,
    sizes.service,
    datafactory.service,
    groups.service,
    accounts.service,
    keyvault.service,
    kept.service,
    web.service,
    arm.not_imitated_service,
]


async def answer_azure_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, AzureError)
    return error.response()


async def answer_unknown_path(request: Request, _: Exception) -> Response:
    message = f"The resource '{request.url.path}' was not found: localcloud has nothing at this path."
    return AzureError(404, "ResourceNotFound", message).response()


async def answer_broken(request: Request, error: Exception) -> Response:
    log.error("%s %s broke", request.method, request.url.path, exc_info=error)
    return AzureError(500, "InternalServerError", "localcloud broke; its log has the trace.").response()


def by_host(home: Home, routes: list[BaseRoute]) -> list[BaseRoute]:
    """Put the routes of hosts of their own first, and let none of the others answer for such a host.

    A request by another name than the cloud's, as by an address, gets Resource Manager.
    """

    async def nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
        message = f"localcloud has nothing at {Request(scope).url}."
        await AzureError(404, "ResourceNotFound", message).response()(scope, receive, send)

    hosts = [route for route in routes if isinstance(route, Host)]
    others = [route for route in routes if not isinstance(route, Host)]
    shared = [f"{name}.{home.suffix}" for name in ("management", "login", "graph")]
    return [
        *hosts,
        *(Host(name, Router(others)) for name in shared),
        Host(f"{{name}}.{home.suffix}", Router(default=nothing_here)),
        *others,
    ]


def tls_app(cloud: Cloud, services: list[Service]) -> Starlette:
    app = Starlette(
        routes=by_host(cloud.home, [route for service in services for route in service.routes]),
        middleware=[Middleware(HttpFaults, faults=cloud.faults), Middleware(RequestPaths)],
        exception_handlers={
            AzureError: answer_azure_error,
            404: answer_unknown_path,
            Exception: answer_broken,
        },
    )
    app.state.guard = Guard(cloud)
    return app


def control_routes(cloud: Cloud, services: list[Service]) -> list[BaseRoute]:
    async def health(_: Request) -> Response:
        return JSONResponse({"state": "Running"})

    async def arm_fault(request: Request) -> Response:
        body = await json_body(request)
        try:
            fault = Fault(**body)
        except (TypeError, InvalidFaultError) as error:
            raise AzureError(400, "InvalidFault", f"{error}; see localcloud.faults.Fault.") from None
        return JSONResponse(asdict(cloud.faults.arm(fault)), 201)

    async def list_faults(_: Request) -> Response:
        return JSONResponse({"value": [asdict(fault) for fault in cloud.faults.armed.values()]})

    async def disarm(request: Request) -> Response:
        cloud.faults.disarm(request.path_params.get("id"))
        return Response(status_code=204)

    return [
        Route("/health", health),
        Route("/faults", arm_fault, methods=["POST"]),
        Route("/faults", list_faults, methods=["GET"]),
        Route("/faults", disarm, methods=["DELETE"]),
        Route("/faults/{id}", disarm, methods=["DELETE"]),
        *(route for service in services for route in service.control),
    ]


class ControlKey:
    """Middleware that requires localcloud's control key, because web pages can reach loopback too."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app = app
        self.key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = Request(scope).headers.get("x-localcloud-key", "") if scope["type"] == "http" else ""
        if not secrets.compare_digest(sent.encode(), self.key.encode()):
            message = (
                "X-Localcloud-Key is missing or wrong: it is control_key of cloud.json in the home folder."
            )
            await AzureError(401, "AuthenticationFailed", message).response()(scope, receive, send)
            return
        await self.app(scope, receive, send)


def plain_app(cloud: Cloud, services: list[Service], resource_manager: ASGIApp) -> Starlette:
    """The plain HTTP listener's app. Controls find Resource Manager in its state."""
    app = Starlette(
        routes=[
            *identity.routes(
                cloud.principals, cloud.tokens, lambda name: web.application(cloud.inventory, name)
            ),
            Mount(
                "/localcloud",
                routes=control_routes(cloud, services),
                middleware=[Middleware(ControlKey, key=cloud.home.control_key)],
            ),
        ],
        exception_handlers={
            AzureError: answer_azure_error,
            404: answer_unknown_path,
            Exception: answer_broken,
        },
    )
    app.state.resource_manager = resource_manager
    return app


class Listener(uvicorn.Server):
    """A uvicorn server that leaves signals to its process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listener(app: Starlette, port: int, tls: Home | None = None) -> tuple[Listener, socket.socket]:
    """Return a server for `app` and its loopback socket. Raises OSError if the port is in use."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        # Clients keep idle connections. Closing one while a client sends a POST fails the POST, which no SDK
        # retries.
        timeout_keep_alive=600,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificates.manager_chain(tls) if tls else None,
        ssl_keyfile=certificates.manager_key(tls) if tls else None,
    )
    # asyncio turns Nagle's algorithm off only if the protocol is named; otherwise each answer waits 40 ms.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, port))
    except OSError as error:
        bound.close()
        raise OSError(
            error.errno, f"port {port} is taken: stop what listens there, or choose another"
        ) from None
    return Listener(config), bound


@contextlib.asynccontextmanager
async def running(home: Home) -> AsyncIterator[Cloud]:
    """The cloud of `home`, serving on its ports until the block ends.

    Its resources are applied before the first request: what a client finds there is there from the beginning.
    """
    certificates.ensure(home)
    store = Store(home.root / "cloud.sqlite")
    cloud = Cloud(
        home, store, Tokens(home), Operations(store, home.resource_manager), Faults(), spec.of_home(home)
    )
    services = [make(cloud) for make in SERVICES]

    async def publish_access() -> None:
        publishing.publish(home, cloud.tokens, cloud.access, cloud.inventory)

    cloud.on_access_change(publish_access)
    resource_manager = tls_app(cloud, services)
    plain = plain_app(cloud, services, resource_manager)
    listeners = [
        listener(resource_manager, home.ports.arm, tls=home),
        listener(plain, home.ports.identity),
    ]
    started: list[Service] = []
    async with asyncio.TaskGroup() as group:
        try:
            await publish_access()
            await deployment.apply(resource_manager, plain, cloud)
            for service in services:
                await service.start()
                started.append(service)
            for server, bound in listeners:
                group.create_task(server.serve(sockets=[bound]))
            while not all(server.started for server, _ in listeners):  # noqa: ASYNC110 - uvicorn has no event
                await asyncio.sleep(0.01)
            yield cloud
        finally:
            for server, _ in listeners:
                server.should_exit = True
            for service in reversed(started):
                await service.stop()
            await cloud.operations.stop()
    store.close()


async def serve(home: Home) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(home):
        log.info("localcloud serves %s from %s", home.resource_manager, home.root)
        await stop.wait()


if __name__ == "__main__":
    log_lines.configure()
    for chatty in ("azure", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    asyncio.run(serve(Home.open(Path(sys.argv[1]))))
