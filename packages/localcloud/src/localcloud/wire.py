"""The HTTP conventions that all Azure services of localcloud share.

They are Azure's error bodies, bearer tokens, api-versions, case-insensitive resource paths, and long-running
operations. Source: "Azure REST API guidelines" and Resource Manager's "Asynchronous operations" and "Common
API details" reference pages.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from localcloud import json_texts
from localcloud.rights import SIGNED_IN, Right, right_of
from localcloud.store import Store
from localcloud.tokens import Caller, TokenError, Tokens

log = logging.getLogger("localcloud.wire")

CHALLENGE = 'Bearer authorization_uri="https://login.microsoftonline.com/", error="invalid_token"'

Handler = Callable[[Request], Awaitable[Response]]
Work = Callable[[], Coroutine[Any, Any, None]]
"""What an operation does: a function, not a coroutine, because the cloud may stop before the work begins."""


class AzureError(Exception):
    """An error response: HTTP status, Azure's error code, and a message."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: Iterable[dict[str, str]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.details = list(details)
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Return the value of "error" in the response: `{"code", "message", "target"?, "details"?}`."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            body["target"] = self.target
        if self.details:
            body["details"] = self.details
        return body

    def response(self) -> Response:
        return JSONResponse({"error": self.body()}, self.status, self.headers)


def not_imitated(what: str) -> AzureError:
    """Return the error for a feature that Azure has and localcloud does not implement."""
    return AzureError(501, "NotImplemented", f"localcloud does not imitate {what}.")


def timestamp(moment: datetime | None = None) -> str:
    """Return a time, by default now, as Azure writes it: ISO 8601 in UTC with microseconds and Z."""
    return (moment or datetime.now(UTC)).isoformat(timespec="microseconds").replace("+00:00", "Z")


class ArmRoute(BaseRoute):
    """A route whose literal segments are not case-sensitive, as resource ids are not.

    `{name}` matches one segment; request.path_params has its value as it was sent. right: what a caller must
    be allowed to do, if it is not what Resource Manager derives from path and method. The application's guard
    decides about it before the handler runs (localcloud.guard).
    """

    def __init__(self, method: str, path: str, handler: Handler, right: Right | None = None) -> None:
        self.method = method
        self.path = path
        self.handler = handler
        self.right = right or right_of(method, path)
        pattern = "".join(
            f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
            for part in re.split(r"({\w+})", path)
        )
        self._pattern = re.compile(f"{pattern}/?", re.IGNORECASE)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        found = self._pattern.fullmatch(scope["path"])
        if found is None:
            return Match.NONE, {}
        child = {"endpoint": self.handler, "path_params": scope.get("path_params", {}) | found.groupdict()}
        return (Match.FULL if scope["method"] == self.method else Match.PARTIAL), child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != self.method:
            error = AzureError(
                405,
                "HttpMethodNotAllowed",
                f"The HTTP method {scope['method']} is not supported at this location.",
            )
            await error.response()(scope, receive, send)
            return
        request = Request(scope, receive)
        guard = request.app.state.guard
        await guard.admit(self.right, request)
        try:
            response = await self.handler(request)
        finally:
            # Also a handler that fails may have changed something before.
            await guard.leave()
        await response(scope, receive, send)


def api_version(request: Request, *known: str) -> str:
    """Return the request's api-version, which must be one of `known` if any are given.

    Raises AzureError 400 MissingApiVersionParameter or NoRegisteredProviderFound, as Resource Manager does.
    """
    version = request.query_params.get("api-version", "")
    if not version:
        raise AzureError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    if known and version not in known:
        raise AzureError(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for API version '{version}'."
            f" The supported api-versions are '{', '.join(known)}'.",
        )
    return version


def bearer(request: Request, tokens: Tokens, audiences: list[str]) -> Caller:
    """Return the caller. Raises AzureError 401 unless the request has a valid token for `audiences`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    challenge = {"WWW-Authenticate": CHALLENGE}
    if scheme.lower() != "bearer" or not token:
        raise AzureError(
            401,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
            headers=challenge,
        )
    try:
        return tokens.check(token, audiences)
    except TokenError as error:
        raise AzureError(401, "InvalidAuthenticationToken", str(error), headers=challenge) from None


async def json_body(request: Request) -> dict[str, Any]:
    """Return the request's body, a JSON object. Raises AzureError 400 InvalidRequestContent."""
    raw = await request.body()
    try:
        body = json_texts.loads(raw or b"{}")
    except ValueError as error:
        raise AzureError(400, "InvalidRequestContent", f"The request content was invalid: {error}.") from None
    if not isinstance(body, dict):
        raise AzureError(
            400, "InvalidRequestContent", "The request content was invalid: a JSON object is expected."
        )
    return body


@dataclass(frozen=True)
class Operation:
    """A long-running operation that has been accepted."""

    id: str
    status_url: str
    result_url: str

    def headers(self, retry_after: int = 1) -> dict[str, str]:
        return {
            "Azure-AsyncOperation": self.status_url,
            "Location": self.result_url,
            "Retry-After": str(retry_after),
            "x-ms-async-operation-timeout": "PT1H",
        }


class Operations:
    """Long-running operations, which services start and clients poll.

    An operation's work changes the service's own resources and raises AzureError to fail. An operation that a
    restart interrupts becomes Failed; services decide themselves what happens to their unfinished work.
    """

    KIND = "operation"

    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._base_url = base_url
        self._tasks: set[asyncio.Task[None]] = set()
        for id_, document in store.list(self.KIND):
            if document["status"] == "InProgress":
                error = {
                    "code": "OperationInterrupted",
                    "message": "localcloud was stopped during this operation.",
                }
                store.put(
                    self.KIND, id_, document | {"status": "Failed", "error": error, "endTime": timestamp()}
                )

    def begin(
        self,
        work: Work,
        *,
        subscription: str,
        provider: str,
        status_segment: str = "operationsStatus",
        result_segment: str = "operationResults",
        region: str = "localcloud",
    ) -> Operation:
        """Run `work` in the background and return the URLs that a client polls."""
        id_ = str(uuid4())
        root = f"{self._base_url}/subscriptions/{subscription}/providers/{provider}/locations/{region}"
        path = f"{root}/{status_segment}/{id_}"
        self._store.put(
            self.KIND, id_, {"id": path, "name": id_, "status": "InProgress", "startTime": timestamp()}
        )
        self.spawn(self._run(id_, work))
        version = "?api-version=2024-01-01-preview"
        return Operation(id_, f"{path}{version}", f"{root}/{result_segment}/{id_}{version}")

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` in the background without an operation to poll; logs a failure."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def get(self, id_: str) -> dict[str, Any]:
        document = self._store.get(self.KIND, id_)
        if document is None:
            raise AzureError(404, "OperationNotFound", f"The operation '{id_}' was not found.")
        return document

    async def stop(self) -> None:
        """Cancel running operations; their resources keep their unfinished provisioning state."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, id_: str, work: Work) -> None:
        outcome: dict[str, Any] = {"status": "Succeeded"}
        try:
            await work()
        except AzureError as error:
            outcome = {"status": "Failed", "error": error.body()}
        except Exception:
            log.exception("operation %s broke", id_)
            broke = {"code": "InternalServerError", "message": "localcloud broke; its log has the trace."}
            outcome = {"status": "Failed", "error": broke}
        self._store.put(self.KIND, id_, self.get(id_) | outcome | {"endTime": timestamp()})

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("background work broke", exc_info=task.exception())


def operation_routes(
    operations: Operations,
    provider: str,
    authorize: Callable[[Request], Caller],
    status_segment: str,
    result_segment: str,
) -> list[BaseRoute]:
    """Return the two routes that clients of a provider poll for its operations."""
    root = f"/subscriptions/{{subscription}}/providers/{provider}/locations/{{location}}"

    async def status(request: Request) -> Response:
        authorize(request)
        document = operations.get(request.path_params["operation"])
        retry = {"Retry-After": "1"} if document["status"] == "InProgress" else {}
        return JSONResponse(document, headers=retry)

    async def result(request: Request) -> Response:
        authorize(request)
        document = operations.get(request.path_params["operation"])
        if document["status"] == "InProgress":
            return Response(status_code=202, headers={"Location": str(request.url), "Retry-After": "1"})
        if document["status"] == "Failed":
            return JSONResponse({"error": document["error"]}, 400)
        return Response(status_code=204)

    return [
        ArmRoute("GET", f"{root}/{status_segment}/{{operation}}", status, SIGNED_IN),
        ArmRoute("GET", f"{root}/{result_segment}/{{operation}}", result, SIGNED_IN),
    ]
