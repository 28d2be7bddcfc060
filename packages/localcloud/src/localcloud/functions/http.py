"""HTTP-triggered functions: their routes, their keys, and the requests and responses of the worker.

A Python function does not learn who calls it: the host names the key and the signed-in person to the worker
(RpcHttp.identities), and Python's worker drops them (datumdef.py). The function sees the key as it was sent,
and the person only in headers that App Service sets (localcloud.functions.authentication).
Source: "Azure Functions HTTP trigger"; "Work with user identities in Azure App Service authentication";
GrpcMessageConversionExtensions.cs of the Functions host.
"""

import json
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from localcloud.functions.functions import App, Function
from localcloud.functions.keys import Access, HostKeys, sent_key
from localcloud.functions.protos import Message, TypedData
from localcloud.functions.routing import HostRoute, RouteError
from localcloud.functions.worker import AppLoadError, FunctionFailedError, Worker

SAME_SITE = {1: "lax", 2: "strict", 3: "none"}
# The server sets these headers itself, for the body that it sends.
SERVERS_OWN = {"content-length", "transfer-encoding", "connection"}


class HttpFunctions:
    def __init__(self, app: App, worker: Worker, keys: HostKeys, prefix: str, client: str) -> None:
        self._app = app
        self._worker = worker
        self._keys = keys
        self._prefix = prefix
        self._client = client

    def routes(self) -> list[HostRoute]:
        """Return a route per function. Raises AppLoadError for a template that this host does not support."""
        return [self._route(function) for function in self._app.of_kind("httpTrigger")]

    def template(self, function: Function) -> str:
        route = function.trigger.get("route") or function.name
        return f"{self._prefix}/{route}".strip("/")

    def _route(self, function: Function) -> HostRoute:
        async def call(request: Request) -> Response:
            return await self._call(function, request)

        methods = function.trigger.get("methods") or []
        try:
            return HostRoute(methods, self.template(function), call)
        except RouteError as error:
            raise AppLoadError(f"function '{function.name}': {error}") from None

    async def _call(self, function: Function, request: Request) -> Response:
        level = function.trigger.get("authLevel") or "FUNCTION"
        access = self._keys.function_access(sent_key(request), level)
        if access is not Access.GRANTED:
            return Response(status_code=access.value)
        if function.not_served:
            return not_imitated(f"the bindings {', '.join(function.not_served)} of '{function.name}'")
        given = TypedData(http=await rpc_http(request))
        try:
            returned = await self._worker.invoke(
                function, given, self._client, request.headers.get("traceparent", "")
            )
        except FunctionFailedError:
            return Response(status_code=500)
        return response_of(returned)


async def rpc_http(request: Request) -> Message:
    """Return the request as the host passes it to a worker: a body as raw bytes, an empty one as nothing."""
    body = await request.body()
    return Message(
        method=request.method,
        url=sent_url(request),
        headers={name: ", ".join(request.headers.getlist(name)) for name in request.headers},
        query={name: ",".join(request.query_params.getlist(name)) for name in request.query_params},
        params=dict(request.path_params),
        body=TypedData(bytes=body) if body else TypedData(),
    )


def sent_url(request: Request) -> str:
    """Return the URL as it was sent; the path of request.url is decoded."""
    query = request.scope["query_string"].decode()
    path = request.scope["raw_path"].decode()
    return f"{request.url.scheme}://{request.url.netloc}{path}{'?' if query else ''}{query}"


def response_of(returned: TypedData | None) -> Response:
    """Make the response from a function's return value."""
    if returned is None or returned.kind is None:
        return Response(status_code=204)
    if returned.kind == "http":
        return _http_response(returned.value)
    media_type = {"json": "application/json", "bytes": "application/octet-stream"}.get(returned.kind)
    return Response(returned.value, media_type=media_type or "text/plain")


def not_imitated(what: str) -> Response:
    body = {"error": {"code": "NotImplemented", "message": f"localcloud does not imitate {what}."}}
    return Response(json.dumps(body), 501, media_type="application/json")


def _http_response(returned: Any) -> Response:
    body = returned.body.value if returned.body is not None else None
    headers = {name: value for name, value in returned.headers.items() if name.lower() not in SERVERS_OWN}
    response = Response(body, int(returned.status_code), headers)
    for cookie in returned.cookies or ():
        expires = cookie.expires and datetime.fromtimestamp(cookie.expires.value.seconds, UTC)
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=int(cookie.max_age.value) if cookie.max_age else None,
            expires=expires or None,
            path=cookie.path.value if cookie.path and cookie.path.value else None,
            domain=cookie.domain.value if cookie.domain and cookie.domain.value else None,
            secure=bool(cookie.secure and cookie.secure.value),
            httponly=bool(cookie.http_only and cookie.http_only.value),
            samesite=SAME_SITE.get(cookie.same_site),  # type: ignore[arg-type]
        )
    return response
