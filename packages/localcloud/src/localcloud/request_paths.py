"""Refuses paths with control characters.

Python's URL parser drops tabs and line breaks from a path, so routes, rights and handlers would not speak of
the same resource. Names of Azure's resources hold no control characters
("Naming rules and restrictions for Azure resources").
"""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from localcloud.wire import AzureError

CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class RequestPaths:
    """Middleware around the application of the TLS listener."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = CONTROL.search(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        message = f"The path of the request is not valid: it holds the character %{ord(found[0]):02X}."
        await AzureError(400, "BadRequest", message).response()(scope, receive, send)
