"""Who may call the HTTP API: keys or Entra ID, requests of other sites, and the settings that say so."""

import json
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import azure.functions as func
import httpx
import pytest
from localcloud.functions.authentication import Authentication, Rules
from localcloud.home import Home, Ports
from localcloud.persons import person
from localcloud.tokens import ISSUER, Tokens
from starlette.datastructures import Headers

from runs.access import asks_for_keys, read_approvers, read_sign_in
from runs.errors import RefusedError
from tests.checkout import CHECKOUT
from tests.unit.engines import Engine
from tests.unit.wire import SETTINGS, Blobs, Wire
from triggers import http
from triggers.responses import respond
from triggers.sign_in import signed_in

PERSON = "0f8fad5b-d9cb-469f-a165-70867728950e"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"


def principal(claims: Any = None, provider: str = "aad", **changes: Any) -> dict[str, str]:
    """The headers that App Service sets for a person of Entra ID, or slightly others."""
    document = {"auth_typ": provider, "claims": claims or [{"typ": OBJECT_ID, "val": PERSON}]} | changes
    return {
        "x-ms-client-principal": b64encode(json.dumps(document).encode()).decode(),
        "x-ms-client-principal-id": PERSON,
        "x-ms-client-principal-name": "somebody@example.com",
        "x-ms-client-principal-idp": provider,
    }


def call(
    headers: dict[str, str], method: str = "GET", *, sign_in: Any = "entra", signs_in: bool = True
) -> tuple[int, str]:
    """Status and error code of a call of the list of runs, as its function answers it."""
    app = replace(SETTINGS, sign_in=sign_in, signs_in=signs_in)
    request = func.HttpRequest(method, "https://app.invalid/api/runs", headers=headers, body=b"")
    handler = http.guarded(http.list_runs)
    answer = respond(handler, request, Engine(), lambda: Wire(Blobs()).clients(app))
    return answer.status_code, json.loads(answer.get_body()).get("error", {}).get("code", "")


# --- Sign-in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", [OBJECT_ID, "oid"])
def test_a_principal_whom_app_service_has_signed_in_is_answered(claim: str) -> None:
    assert call(principal([{"typ": "name", "val": "x"}, {"typ": claim, "val": PERSON.upper()}])) == (200, "")


def test_no_header_is_believed_while_app_service_does_not_sign_in() -> None:
    """Without its authentication, App Service passes on whatever a caller sends."""
    assert call(principal(), signs_in=False) == (401, "NotSignedIn")


NOT_BASE64 = {"x-ms-client-principal": "{}"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-functions-key": "a key"},
        {"authorization": "Bearer a.b.c"},
        {"x-ms-client-principal-name": "somebody@example.com", "x-ms-client-principal-id": PERSON},
        {"x-ms-client-principal-id": PERSON, "x-ms-client-principal-idp": "aad"},
        principal(provider="github"),
        principal(auth_typ="github"),
        principal() | {"x-ms-client-principal-idp": "aad, aad"},
        principal() | {"x-ms-client-principal-id": "ffffffff-0000-0000-0000-000000000000"},
        principal() | {"x-ms-client-principal-id": ""},
        principal([{"typ": OBJECT_ID, "val": ""}]) | {"x-ms-client-principal-id": ""},
        principal([{"typ": "sub", "val": PERSON}]),
        principal(claims={"typ": OBJECT_ID}),
        principal(claims=[7]),
        principal(claims=[{"typ": [OBJECT_ID], "val": PERSON}]),
        principal() | NOT_BASE64,
        principal() | {"x-ms-client-principal": b64encode(b"\xff").decode()},
        principal() | {"x-ms-client-principal": b64encode(b"[" * 100_000).decode()},
        principal() | {"x-ms-client-principal": "ä"},
    ],
    ids=lambda headers: ascii(headers)[-40:],
)
def test_a_request_that_has_not_passed_the_sign_in_is_refused(headers: dict[str, str]) -> None:
    assert call(headers) == (401, "NotSignedIn")


def test_with_keys_the_host_has_checked_the_key_and_nobody_needs_to_sign_in() -> None:
    assert call({}, sign_in="key", signs_in=False) == (200, "")


async def test_what_app_service_hands_over_of_a_token_is_believed_and_nothing_that_a_caller_sends(
    tmp_path: Path,
) -> None:
    """localcloud's App Service authentication stands before the host, as in Azure."""
    tokens = Tokens(Home.open(tmp_path / "home", Ports()))
    seen: list[dict[str, str]] = []

    async def host(scope: Any, _: Any, send: Any) -> None:
        seen.append(dict(Headers(scope=scope)))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    rules = Rules(["api://c1"], ["/runtime/webhooks/*"], tokens.public_key, ISSUER)
    transport = httpx.ASGITransport(Authentication(host, rules))
    token, _ = tokens.issue(person("person"), "api://c1")
    async with httpx.AsyncClient(transport=transport, base_url="https://app.invalid") as client:
        await client.get("/api/runs", headers=principal() | {"Authorization": f"Bearer {token}"})
        await client.get("/runtime/webhooks/EventGrid", headers=principal())
        assert (await client.get("/api/runs", headers=principal())).status_code == 401
    through, excluded = seen
    assert call(through) == (200, "")
    found = signed_in(func.HttpRequest("GET", "https://app.invalid/api/runs", headers=through, body=b""))
    assert found is not None
    assert found.id == f"entra:{person('person').object_id}"
    assert call(excluded) == (401, "NotSignedIn")


# --- Other sites --------------------------------------------------------------------------------------

OWN = {"x-touchdown-client": "1"}


@pytest.mark.parametrize("sign_in", ["key", "entra"])
@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({}, (403, "HeaderMissing")),
        ({"content-type": "application/json"}, (403, "HeaderMissing")),
        ({"origin": "https://app.invalid"}, (403, "HeaderMissing")),
        (OWN | {"origin": "https://other.invalid"}, (403, "OtherOrigin")),
        (OWN | {"origin": "http://app.invalid"}, (403, "OtherOrigin")),
        (OWN | {"origin": "https://app.invalid:8443"}, (403, "OtherOrigin")),
        (OWN | {"origin": "null"}, (403, "OtherOrigin")),
        (OWN | {"origin": ""}, (403, "OtherOrigin")),
        (OWN | {"origin": "https://app.invalid"}, (200, "")),
        (OWN, (200, "")),
        ({"x-functions-key": "a key"}, (200, "")),
    ],
    ids=str,
)
def test_a_post_that_a_page_of_another_site_could_send_is_refused(
    sign_in: str, headers: dict[str, str], answer: tuple[int, str]
) -> None:
    signed = principal() if sign_in == "entra" else {}
    assert call(signed | headers, "POST", sign_in=sign_in) == answer


@pytest.mark.parametrize(("sign_in", "level"), [("", "FUNCTION"), ("entra", "ANONYMOUS")])
def test_every_function_of_the_api_is_indexed_with_its_level_and_guarded(sign_in: str, level: str) -> None:
    program = """
import json
import azure.functions as func
import function_app
from tests.unit.engines import Engine
from tests.unit.wire import SETTINGS, Blobs, Wire
from triggers import http

http.process_clients = lambda: Wire(Blobs()).clients(SETTINGS)
request = func.HttpRequest("POST", "https://app.invalid/api/runs", body=b"")
found = {}
for each in function_app.app.get_functions():
    if each.get_trigger().get_binding_name() == "httpTrigger":
        answer = each.get_user_function().client_function(request, Engine())
        code = json.loads(answer.get_body())["error"]["code"]
        found[each.get_function_name()] = [each.get_trigger().auth_level.name, code]
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        env={"TOUCHDOWN_SIGN_IN": sign_in, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = [handler.__name__ for _, _, handler in http.ROUTES]
    assert json.loads(done.stdout) == {name: [level, "HeaderMissing"] for name in names}


# --- Settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "asks"),
    [("", True), ("key", True), ("Entra", True), ("entra,key", True), ("entra", False), (" entra ", False)],
)
def test_the_host_asks_for_keys_unless_the_setting_is_exactly_entra(value: str, asks: bool) -> None:
    assert asks_for_keys({"TOUCHDOWN_SIGN_IN": value}) is asks
    assert asks_for_keys({}) is True


def test_an_invalid_sign_in_is_refused_by_name() -> None:
    assert (read_sign_in("key"), read_sign_in("entra")) == ("key", "entra")
    with pytest.raises(RefusedError, match=r"TOUCHDOWN_SIGN_IN.*expected key or entra"):
        read_sign_in("Entra")


def test_approvers_are_read_in_any_case_and_separated_by_commas_or_spaces() -> None:
    key = "key:" + "0a" * 32
    assert read_approvers(f" {key.upper()},entra:{PERSON}\n") == {key, f"entra:{PERSON}"}
    assert read_approvers(" ") == frozenset()


@pytest.mark.parametrize("value", ["boss@example.com", "key:0a1b", f"entra:{PERSON}0", PERSON, "key:", "*"])
def test_an_approver_that_nobody_can_be_is_refused_by_name(value: str) -> None:
    """Otherwise a misspelt setting would leave a run waiting without anyone who may decide."""
    with pytest.raises(RefusedError, match="TOUCHDOWN_APPROVERS") as refused:
        read_approvers(value)
    assert refused.value.code == "InvalidSetting"
