"""Carries out the faults that are armed for the point `http`: requests to the TLS listener.

"error" answers the fault's status and does nothing; "lost" does the work, waits, and answers 500; "drop"
closes the connection without an answer and does nothing; "delay" waits first; "repeat" does the work `count`
times, one attempt after the other, and answers with the last attempt's answer.
"""

import asyncio
from typing import Any, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from localcloud.faults import Faults
from localcloud.wire import AzureError

TRANSPORT = "localcloud.transport"
"""Key, in a request's ASGI state, of the transport of its connection."""


class Protocol(H11Protocol):
    """uvicorn's HTTP protocol, which also gives the application the transport: ASGI cannot drop a request."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self.app_state = self.app_state | {TRANSPORT: transport}


class HttpFaults:
    """Middleware around the application of the TLS listener."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            fault = await self.faults.at("http", method=scope["method"], path=scope["path"])
        except AzureError as error:
            await error.response()(scope, receive, send)
            return
        if fault is None:
            await self.app(scope, receive, send)
        elif fault.action == "drop":
            await drop(scope, receive)
        elif fault.action == "lost":
            await self.app(scope, receive, discard)
            await self.faults.hold(fault)
            await AzureError(500, "InternalServerError", fault.message).response()(scope, receive, send)
        elif fault.action == "repeat":
            await self._repeat(fault.count, scope, receive, send)

    async def _repeat(self, count: int, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        for attempt in range(1, count + 1):
            answer = send if attempt == count else discard
            await self.app(dict(scope), replaying(body, receive), answer)


async def drop(scope: Scope, receive: Receive) -> None:
    """Close the connection of a request that has not been answered."""
    transport = cast(asyncio.Transport, scope["state"][TRANSPORT])
    transport.abort()
    # uvicorn answers 500 for an application that returns before the connection is closed.
    while (await receive())["type"] != "http.disconnect":
        continue


async def discard(_: Message) -> None:
    """Send a part of an answer to no one."""


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request, or what was sent of it before the client disconnected."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def replaying(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body again, and then what `receive` gives."""
    unread = [body]

    async def replay() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return replay
