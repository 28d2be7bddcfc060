"""Azure's services as a wire: what the real SDKs send is kept, and each request gets a prepared answer."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any

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
    body: Any = None
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
        body = request.body
        if isinstance(body, bytes | str) and "json" in str(request.headers.get("Content-Type", "")):
            body = json.loads(body)
        headers = {name: str(value) for name, value in request.headers.items()}
        sent = Sent(str(request.method), str(request.url).split("?")[0], headers, body)
        self.sent.append(sent)
        answer = self._answer(sent)
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        raw = HTTPResponse(
            io.BytesIO(content),
            {"Content-Type": "application/json", **answer.headers},
            answer.status,
            preload_content=False,
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Nothing is open."""
