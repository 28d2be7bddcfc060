"""App Service authentication before a host: who gets through, and which headers the app sees."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import httpx
import pytest
from localcloud.functions.authentication import Authentication, Rules
from localcloud.home import Home, Ports
from localcloud.persons import person
from localcloud.tokens import Application, Tokens
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

FORGED = {
    "X-MS-CLIENT-PRINCIPAL": "eyJ9",
    "x-ms-client-principal-id": "boss",
    "X-Ms-Client-Principal-Name": "boss@example.com",
    "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
    "X-MS-TOKEN-AAD-ACCESS-TOKEN": "t",
}


async def seen(request: Request) -> JSONResponse:
    return JSONResponse(dict(request.headers))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return Tokens(Home.open(tmp_path_factory.mktemp("home"), Ports()))


def client(tokens: Tokens, *, on: bool = True) -> httpx.AsyncClient:
    app = Starlette(routes=[Route("/{rest:path}", seen)])
    rules = Rules(["c1"], ["/runtime/webhooks/*", "/open"], tokens.public_key, V2.issuer) if on else None
    transport = httpx.ASGITransport(Authentication(app, rules))
    return httpx.AsyncClient(transport=transport, base_url="http://site.test")


V2 = Application("c1", "https://login.test/tenant/v2.0")


def bearer(
    tokens: Tokens, application: Application | None = V2, lifetime: int = 60, audience: str = "api://c1"
) -> dict[str, str]:
    token, _ = tokens.issue(person("person"), audience, lifetime, application)
    return {"Authorization": f"Bearer {token}"}


async def test_a_caller_with_a_token_is_named_to_the_app_and_by_nobody_else(tokens: Tokens) -> None:
    async with client(tokens) as http:
        answer = await http.get("/api/runs", headers=bearer(tokens) | FORGED)
    assert answer.status_code == 200
    found = {name: value for name, value in answer.json().items() if name.startswith("x-ms-")}
    assert found.keys() == {f"x-ms-client-principal{part}" for part in ("", "-id", "-name", "-idp")}
    document: dict[str, Any] = json.loads(b64decode(found["x-ms-client-principal"]))
    claims = {each["typ"]: each["val"] for each in document["claims"]}
    object_id = person("person").object_id
    assert claims["http://schemas.microsoft.com/identity/claims/objectidentifier"] == object_id
    assert found["x-ms-client-principal-id"] == object_id
    assert found["x-ms-client-principal-name"] == person("person").user_name
    assert (document["auth_typ"], found["x-ms-client-principal-idp"]) == ("aad", "aad")


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("path", ["/runtime/webhooks/EventGrid", "/open", "/admin/functions"])
async def test_headers_of_app_service_never_come_from_outside(tokens: Tokens, path: str, on: bool) -> None:
    async with client(tokens, on=on) as http:
        answer = await http.get(path, headers=FORGED)
    assert answer.status_code == 200
    assert not [name for name in answer.json() if name.startswith("x-ms-")]


@pytest.mark.parametrize("path", ["/api/runs", "/", "/open/more", "/runtime", "/runtime/webhook"])
async def test_nobody_without_a_valid_token_gets_through(tokens: Tokens, tmp_path: Path, path: str) -> None:
    foreign = Tokens(Home.open(tmp_path / "other", Ports()))
    wrong = [
        {},
        FORGED,
        {"x-functions-key": "a key"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": bearer(tokens)["Authorization"].replace("Bearer", "Basic")},
        bearer(tokens, Application("other", V2.issuer)),
        bearer(tokens, Application("c1", "https://login.test/another-tenant/v2.0")),
        bearer(tokens, None, audience="c1"),
        bearer(tokens, lifetime=-60),
        bearer(foreign),
    ]
    async with client(tokens) as http:
        assert [(await http.get(path, headers=each)).status_code for each in wrong] == [401] * len(wrong)
