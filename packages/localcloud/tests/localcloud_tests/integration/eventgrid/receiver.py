"""A webhook that records its requests. It stands for the Functions host and for other subscribers."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from localcloud.home import LOOPBACK
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

LIMIT = 20.0
"""Seconds that a test waits for an event."""


@dataclass(frozen=True)
class Received:
    """One request. events: its body as a list, whatever the schema."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    at: float

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.body if isinstance(self.body, list) else [self.body]

    def names(self, text: str) -> bool:
        return any(text in event["subject"] for event in self.events)


@dataclass
class Receiver:
    """Answers every request with `status` and records it."""

    status: Callable[[Received], int] = lambda _: 202
    requests: list[Received] = field(default_factory=list)
    _came: threading.Condition = field(default_factory=threading.Condition)

    async def take(self, request: Request) -> Response:
        received = Received(
            request.url.path,
            dict(request.query_params),
            dict(request.headers),
            await request.json(),
            time.perf_counter(),
        )
        with self._came:
            self.requests.append(received)
            self._came.notify_all()
        return Response(status_code=self.status(received))

    def about(self, text: str, count: int = 1) -> list[Received]:
        """The requests whose subject contains `text`, once there are at least `count`."""
        with self._came:
            self._came.wait_for(lambda: len(self._found(text)) >= count, LIMIT)
            found = self._found(text)
        assert len(found) >= count, f"{len(found)} of {count} requests about {text!r} came"
        return found

    def event(self, text: str) -> dict[str, Any]:
        """The one event whose subject contains `text`."""
        found = self.about(text)
        assert len(found) == 1, found
        event: dict[str, Any] = found[0].events[0]
        return event

    def _found(self, text: str) -> list[Received]:
        return [each for each in self.requests if each.names(text)]

    @contextmanager
    def answering(self, status: Callable[[Received], int]) -> Iterator[None]:
        before = self.status
        self.status = status
        try:
            yield
        finally:
            self.status = before


@contextmanager
def listening(receiver: Receiver, port: int) -> Iterator[Receiver]:
    app = Starlette(routes=[Route("/{path:path}", receiver.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + LIMIT
    while not server.started:
        assert thread.is_alive(), f"no receiver on port {port}"
        assert time.monotonic() < deadline, f"the receiver on port {port} takes too long"
        time.sleep(0.01)
    try:
        yield receiver
    finally:
        server.should_exit = True
        thread.join()
