"""What App Service's front end tells the host of a request: it takes off TLS, so the host sees plain HTTP.

In Azure it says so in X-Forwarded-Proto, which the host believes. localcloud's front end passes bytes on; but
only it leads a site's name to this host, so a request by that name came over TLS.
"""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

SITE = re.compile(r"[a-z0-9-]+\.azurewebsites\..+", re.IGNORECASE)


class FrontEnd:
    """Middleware that gives requests by a site's name the scheme with which they were sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and SITE.fullmatch(Headers(scope=scope).get("host", "")):
            scope = dict(scope) | {"scheme": "https"}
        await self.app(scope, receive, send)
