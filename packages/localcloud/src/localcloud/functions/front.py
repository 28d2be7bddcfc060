"""What listens at a host's port: it answers for a host that does not run, and leads to one that does.

Sources: HostWarmupMiddleware.cs and HostAvailabilityCheckMiddleware.cs of the Functions host for 503 and its
text; App Service answers 403 for a site that is stopped.
"""

import asyncio
import contextlib
from typing import Any, Literal

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from localcloud.functions.admin import told
from localcloud.functions.bundles import Bundle
from localcloud.functions.site import STATUS, Site

State = Literal["Placeholder", "Starting", "Running", "Restarting", "Stopped", "Error"]
NOT_RUNNING = PlainTextResponse("Function host is not running.", 503)
STOPPED = PlainTextResponse("Error 403 - This web app is stopped.", 403)


class Front:
    """An ASGI app. `state` is what the host's process is doing now; `error`, why it cannot serve its site."""

    def __init__(self) -> None:
        self.state: State = "Placeholder"
        self.error = ""
        self._site: Site | None = None
        self._package = ""
        self._web: ASGIApp | None = None
        self._bundle: Bundle | None = None
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self, site: Site, package: str) -> None:
        """Say that the host becomes `site`, with the code that `package` names."""
        self._site, self._package = site, package
        self.state = "Starting" if site.state == "Running" else "Stopped"

    def serve(self, web: ASGIApp, bundle: Bundle | None = None) -> None:
        self._web, self._bundle, self.state = web, bundle, "Running"

    def fail(self, error: str) -> None:
        self.error, self.state = error, "Error"

    async def restart(self, limit: float) -> None:
        """Refuse new requests; return when those that are being answered have ended, or after `limit` s."""
        self._web, self.state = None, "Restarting"
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), limit)

    def status(self) -> dict[str, Any]:
        """The host's state; `site` and `package` say which version of site and code it is about."""
        return {
            "state": self.state,
            "site": self._site.generation if self._site else "",
            "package": self._package,
            "error": self.error,
            **told(self._bundle),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == STATUS:
            await JSONResponse(self.status())(scope, receive, send)
            return
        self._active += 1
        self._idle.clear()
        try:
            await self._answer()(scope, receive, send)
        finally:
            self._active -= 1
            if not self._active:
                self._idle.set()

    def _answer(self) -> ASGIApp:
        return self._web or (STOPPED if self.state == "Stopped" else NOT_RUNNING)
