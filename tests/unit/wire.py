"""Azure's services as a wire: what the real SDKs send is kept, and each request gets a prepared answer."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse


class Credential:
    """A credential that has a token for everything."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken("token", int(time()) + 3600)


@dataclass(frozen=True)
class Sent:
    """A request as it was on the wire. path: with the host, without the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: Any = b""
    """JSON, or bytes as they are."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire(BaseAdapter):
    """The transport of an SDK client: `answer` decides what comes back."""

    def __init__(self, answer: Callable[[Sent], Answer]) -> None:
        super().__init__()
        self.sent: list[Sent] = []
        self._answer = answer

    @property
    def transport(self) -> RequestsTransport:
        session = requests.Session()
        session.mount("https://", self)
        return RequestsTransport(session=session, session_owner=False)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body: Any = request.body
        body = body.read() if hasattr(body, "read") else body
        if isinstance(body, bytes | str) and "json" in str(request.headers.get("Content-Type", "")):
            body = json.loads(body)
        headers = {name: str(value) for name, value in request.headers.items()}
        sent = Sent(str(request.method), str(request.url).split("?")[0], headers, body)
        self.sent.append(sent)
        answer = self._answer(sent)
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        raw = HTTPResponse(
            io.BytesIO(content),
            {"Content-Type": "application/json", **answer.headers},
            answer.status,
            preload_content=False,
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Nothing is open."""


class Blobs:
    """A storage account over a Wire: blobs that are put, claimed with If-None-Match, read and asked after."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.times: dict[str, str] = {}

    def __call__(self, sent: Sent) -> Answer:
        path = unquote(urlsplit(sent.path).path).split("/", 2)[2]
        if sent.method == "PUT":
            if sent.headers.get("If-None-Match") == "*" and path in self.blobs:
                return Answer(409, headers={"x-ms-error-code": "BlobAlreadyExists"})
            self.blobs[path] = sent.body if isinstance(sent.body, bytes) else b""
            return Answer(201, headers=self._headers(path))
        if path not in self.blobs:
            return Answer(404, headers={"x-ms-error-code": "BlobNotFound"})
        if sent.method == "HEAD":
            return Answer(200, headers=self._headers(path))
        content = self.blobs[path]
        if not content:
            return Answer(416, headers={"x-ms-error-code": "InvalidRange"})
        whole = f"bytes 0-{len(content) - 1}/{len(content)}"
        return Answer(206, content, {**self._headers(path), "Content-Range": whole})

    def _headers(self, path: str) -> dict[str, str]:
        time = self.times.get(path, "Thu, 01 Jan 2026 00:00:00 GMT")
        return {"ETag": '"0x8DC"', "Last-Modified": time, "x-ms-blob-type": "BlockBlob"}
