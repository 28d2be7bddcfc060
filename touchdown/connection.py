"""What the client sends over the network: calls of the app, Resource Manager and scoring, and blobs."""

import ssl
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self
from uuid import uuid4

import httpx

from touchdown.errors import ApiError, StackNotRunningError
from touchdown.target import Target

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.storage.blob import ContainerClient

Json = dict[str, Any]

SCORING_SCOPE = "https://ml.azure.com/.default"
"""The token scope of batch endpoints' scoring URIs."""
TOKEN_MARGIN = 300
"""Seconds before the end of a token's life from which it is asked for anew."""


class Connection:
    """A connection to one target. The target's credential signs every call but those of the app's API.

    Raises StackNotRunningError when nothing listens at an address, and ApiError when an API answers with an
    error.
    """

    def __init__(self, target: Target, timeout: float = 30.0) -> None:
        self.target = target
        self._timeout = timeout
        self._tokens: dict[str, AccessToken] = {}

    def api(self, method: str, path: str, **request: Any) -> Json:
        """Call the app's HTTP API, with the function key or a token, if there is one. `path` follows /api/.

        Requests that change something need a header of their own: see docs/http.md, "Who may call".
        """
        key = self.target.function_key
        own = {"x-touchdown-client": "touchdown"} | ({"x-functions-key": key} if key else {})
        scope = self.target.api_scope
        headers = own | (self._bearer(scope) if scope else {}) | request.pop("headers", {})
        return self._call(method, f"{self.target.api}/api/{path}", headers=headers, **request)

    def resource_manager(self, method: str, path: str, **request: Any) -> Json:
        """Call Azure Resource Manager. `path` follows the target's URL."""
        manager = self.target.resource_manager
        headers = self._bearer(f"{manager}/.default")
        return self._call(method, f"{manager}{path}", headers=headers, **request)

    def call_scoring(self, method: str, url: str, **request: Any) -> Json:
        """Call the scoring URI of a batch endpoint, or one of its jobs below it."""
        headers = self._bearer(SCORING_SCOPE) | request.pop("headers", {})
        return self._call(method, url, headers=headers, **request)

    def put_blob(
        self, path: str, content: bytes | Path | BinaryIO, metadata: Mapping[str, str] | None = None
    ) -> str:
        """Write a blob of the container and return its ETag, without quotes.

        At most one block of a file is in memory (azure-storage-blob's max_single_put_size, 64 MiB).
        """
        if isinstance(content, Path):
            with content.open("rb") as file:
                return self.put_blob(path, file, metadata)
        answer = self.container.get_blob_client(path).upload_blob(
            content, overwrite=True, metadata=dict(metadata or {})
        )
        return str(answer["etag"]).strip('"')

    def get_blob(self, path: str, to: Path) -> None:
        """Copy a blob of the container to a file, block by block, as it is stored.

        The file appears once it is complete. Raises azure-core's ResourceNotFoundError.
        """
        part = to.with_name(f".{to.name}.{uuid4().hex[:8]}.part")
        try:
            with part.open("wb") as out:
                self.container.download_blob(path, decompress=False).readinto(out)
            part.replace(to)
        finally:
            part.unlink(missing_ok=True)

    @cached_property
    def container(self) -> "ContainerClient":
        """The target's container."""
        from azure.storage.blob import ContainerClient

        return ContainerClient(
            self.target.blob_url,
            self.target.container,
            credential=self.target.credential,
            connection_verify=self.target.verify or True,
            proxies={"https": self.target.proxy} if self.target.proxy else None,
            use_env_settings=not self.target.is_on_loopback,
        )

    @cached_property
    def http(self) -> httpx.Client:
        """The HTTP client of every call but storage's. Plain HTTP to this machine goes by no proxy."""
        trust = ssl.create_default_context(cafile=self.target.verify or None)
        proxy = self.target.proxy
        return httpx.Client(
            verify=trust,
            mounts={"https://": httpx.HTTPTransport(verify=trust, proxy=proxy)} if proxy else None,
            trust_env=not self.target.is_on_loopback,
            timeout=self._timeout,
        )

    def close(self) -> None:
        for name in ("container", "http"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _bearer(self, scope: str) -> dict[str, str]:
        """The header of a call. Tokens are kept: the credential of az starts a process for each."""
        token = self._tokens.get(scope)
        if token is None or token.expires_on < time.time() + TOKEN_MARGIN:
            token = self._tokens[scope] = self.target.credential.get_token(scope)
        return {"Authorization": f"Bearer {token.token}"}

    def _call(self, method: str, url: str, **request: Any) -> Json:
        try:
            answer = self.http.request(method, url, **request)
        except (httpx.ConnectError, httpx.ProxyError):
            raise StackNotRunningError(f"nothing listens at {httpx.URL(url).netloc.decode()}.") from None
        body: Json = answer.json() if is_json(answer) else {}
        if answer.is_success:
            return body
        found = body.get("error")
        error: Json = found if isinstance(found, dict) else {}
        message = error.get("message") or answer.text[:500] or answer.reason_phrase
        raise ApiError(
            answer.status_code,
            str(error.get("code", "")),
            f"{method} {httpx.URL(url).path}: {answer.status_code} {message}",
            body,
            seconds(answer.headers.get("retry-after", "")),
        )


def seconds(retry_after: str) -> float:
    """The header Retry-After in seconds; 0 without one, or if it names a time."""
    return float(retry_after) if retry_after.isdecimal() else 0.0


def is_json(answer: httpx.Response) -> bool:
    return bool(answer.content) and "json" in answer.headers.get("content-type", "")
