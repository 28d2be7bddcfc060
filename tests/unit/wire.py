"""A Wire replaces Azure's services: it records requests of the real SDKs and returns prepared answers."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import time
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from runs.settings import APP_SETTINGS, App
from services.clients import Clients

SETTINGS = replace(
    App.read({each.variable: "x" for each in APP_SETTINGS if each.default is None}),
    storage_url="https://example.invalid",
    container="blobs",
    resource_manager="https://arm.invalid",
    topic_endpoint="",
)
"""Settings of an app whose services are at the other end of a Wire."""


class Credential:
    """A credential that returns a token for every scope."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken("token", int(time()) + 3600)


@dataclass(frozen=True)
class Sent:
    """A request as the SDK sent it. path: with the host, without the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: Any = b""
    """A response body: bytes unchanged, anything else as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire(BaseAdapter):
    """A transport for SDK clients, which returns what `answer` returns."""

    def __init__(self, answer: Callable[[Sent], Answer]) -> None:
        super().__init__()
        self.sent: list[Sent] = []
        self.answer = answer

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
        address, query = str(request.url).partition("?")[::2]
        sent = Sent(str(request.method), address, headers, body, dict(parse_qsl(query)))
        self.sent.append(sent)
        answer = self.answer(sent)
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        raw = HTTPResponse(
            io.BytesIO(content),
            {"Content-Type": "application/json", **answer.headers},
            answer.status,
            preload_content=False,
            request_method=request.method,
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def clients(self, settings: App = SETTINGS) -> Clients:
        """Clients whose requests all go through this wire."""
        return Clients(settings, Credential(), self.transport)


@dataclass
class Blob:
    content: bytes
    etag: str
    modified: datetime
    metadata: dict[str, str] = field(default_factory=dict)
    encoding: str = ""
    leased: bool = False


class Blobs:
    """A storage account at the other end of a Wire: blobs are put, read, deleted and listed.

    now: the account's clock, to the second, as in the headers Date and Last-Modified.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, Blob] = {}
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self._writes = 0

    def put(
        self,
        path: str,
        content: bytes,
        etag: str = "",
        *,
        age: float = 0,
        metadata: dict[str, str] | None = None,
        encoding: str = "",
    ) -> None:
        """Store a blob; age: seconds since it was written; encoding: its Content-Encoding."""
        self._writes += 1
        modified = self.now - timedelta(seconds=age)
        self.blobs[path] = Blob(content, etag or f"0x{self._writes:X}", modified, metadata or {}, encoding)

    def __call__(self, sent: Sent) -> Answer:
        if sent.query.get("comp") == "list":
            return self._list(sent.query)
        path = unquote(urlsplit(sent.path).path).split("/", 2)[2]
        blob = self.blobs.get(path)
        if sent.headers.get("If-None-Match") == "*" and blob:
            return self._answer(409, code="BlobAlreadyExists")
        wanted = sent.headers.get("If-Match", "").strip('"')
        if blob is None and sent.method == "GET":
            return self._answer(404, code="BlobNotFound")
        if wanted and (blob is None or wanted != blob.etag):
            return self._answer(412, code="ConditionNotMet")
        if blob and sent.query.get("comp") == "lease":
            return self._lease(blob, sent.headers["x-ms-lease-action"])
        if sent.method == "PUT":
            start = "x-ms-meta-"
            metadata = {
                key[len(start) :]: value for key, value in sent.headers.items() if key.startswith(start)
            }
            self.put(path, sent.body if isinstance(sent.body, bytes) else b"", metadata=metadata)
            return self._answer(201, self.blobs[path])
        if blob is None:
            return self._answer(404, code="BlobNotFound")
        if sent.method == "DELETE":
            del self.blobs[path]
            return self._answer(202)
        if sent.method == "HEAD":
            answer = self._answer(200, blob)
            return replace(answer, headers={**answer.headers, "Content-Length": str(len(blob.content))})
        return self._read(blob, sent.headers.get("x-ms-range", ""))

    def _lease(self, blob: Blob, action: str) -> Answer:
        if action == "acquire" and blob.leased:
            return self._answer(409, code="LeaseAlreadyPresent")
        blob.leased = action == "acquire"
        answer = self._answer(201 if blob.leased else 200, blob)
        return replace(answer, headers={**answer.headers, "x-ms-lease-id": "lease-1"})

    def _read(self, blob: Blob, wanted: str) -> Answer:
        """The bytes that a header such as "bytes=10-19" names, as far as the blob has them; "" names all."""
        if not wanted:
            answer = self._answer(200, blob)
            length = {"Content-Length": str(len(blob.content))}
            return replace(answer, body=blob.content, headers={**answer.headers, **length})
        first, last = (
            int(each) if each else None for each in wanted.removeprefix("bytes=").partition("-")[::2]
        )
        first, size = first or 0, len(blob.content)
        if first >= size:
            return self._answer(416, code="InvalidRange")
        part = blob.content[first : size if last is None else last + 1]
        answer = self._answer(206, blob)
        given = f"bytes {first}-{first + len(part) - 1}/{size}"
        return replace(answer, body=part, headers={**answer.headers, "Content-Range": given})

    def _list(self, query: Mapping[str, str]) -> Answer:
        """Source: "List Blobs"; the marker is here the name with which the next page begins."""
        first = max(query.get("marker", ""), query.get("startFrom", ""))
        names = [
            name for name in sorted(self.blobs) if name.startswith(query.get("prefix", "")) and name >= first
        ]
        limit = int(query.get("maxresults", 5000))
        entries = "".join(
            f"<Blob><Name>{name}</Name><Properties><Etag>{self.blobs[name].etag}</Etag><BlobType>BlockBlob</BlobType>"
            "</Properties><Metadata>"
            + "".join(f"<{key}>{value}</{key}>" for key, value in self.blobs[name].metadata.items())
            + "</Metadata></Blob>"
            for name in names[:limit]
        )
        marker = names[limit] if len(names) > limit else ""
        body = (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://example.invalid/"'
            f' ContainerName="blobs"><Blobs>{entries}</Blobs><NextMarker>{marker}</NextMarker>'
            "</EnumerationResults>"
        )
        answer = self._answer(200)
        return replace(
            answer, body=body.encode(), headers={**answer.headers, "Content-Type": "application/xml"}
        )

    def _answer(self, status: int, blob: Blob | None = None, *, code: str = "") -> Answer:
        headers = {"Date": format_datetime(self.now, usegmt=True)}
        if blob is not None:
            modified = format_datetime(blob.modified, usegmt=True)
            headers |= {"ETag": f'"{blob.etag}"', "Last-Modified": modified, "x-ms-blob-type": "BlockBlob"}
            headers |= {f"x-ms-meta-{name}": value for name, value in blob.metadata.items()}
            headers |= {"Content-Encoding": blob.encoding} if blob.encoding else {}
        if code:
            headers["x-ms-error-code"] = code
        return Answer(status, headers=headers)
