"""Which tokens storage takes, for which account, and how it refuses the others."""

import base64
import json
import time
from typing import Any, Literal

import pytest
from azure.core.exceptions import HttpResponseError
from cryptography.hazmat.primitives.asymmetric import rsa
from localcloud.eventgrid import journal
from localcloud.home import TENANT
from localcloud.storage import policy

from localcloud_tests.integration.storage.stores import (
    KEY,
    MAIN,
    OTHER,
    PLATFORM,
    Store,
    account_id,
    person,
    unique,
)

pytestmark = pytest.mark.integration

STRANGER = rsa.generate_private_key(65537, 2048)
BLOB_WRITER = "Storage Blob Data Contributor"
ISSUER_DETAIL = "Issuer validation failed. Issuer did not match."
AUDIENCE_DETAIL = "Audience validation failed. Audience did not match."
SIGNATURE_DETAIL = "Signature validation failed. Signature verification failed."
EXPIRED_DETAIL = "Lifetime validation failed. The token is expired."

type Service = Literal["blob", "queue", "table"]


def contributor(store: Store) -> str:
    principal = person()
    store.assign(principal, BLOB_WRITER, account_id(MAIN))
    return principal


def containers(store: Store) -> set[str]:
    return {each.name for each in store.blobs(PLATFORM).list_containers()}


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def unsigned(store: Store, principal: str, algorithm: str) -> str:
    _, claims, signature = store.token(principal).split(".")
    kept = "" if algorithm == "none" else signature
    return f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{claims}.{kept}"


@pytest.mark.parametrize(
    ("claims", "detail"),
    [
        ({"iss": "https://sts.windows.net/another/"}, ISSUER_DETAIL),
        ({"iss": None}, ISSUER_DETAIL),
        ({"aud": "https://management.azure.com"}, AUDIENCE_DETAIL),
        ({"aud": None}, AUDIENCE_DETAIL),
        ({"aud": ["https://storage.azure.com"]}, AUDIENCE_DETAIL),
        ({"exp": -10}, EXPIRED_DETAIL),
        ({"exp": None}, EXPIRED_DETAIL),
        ({"exp": "9999999999"}, EXPIRED_DETAIL),
        ({"nbf": 600}, "Lifetime validation failed. The token is not yet valid."),
        ({"nbf": None}, "Lifetime validation failed. The token is not yet valid."),
        ({"oid": None}, "The token names no principal: its claim oid is missing."),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(store: Store, claims: dict[str, Any], detail: str) -> None:
    """A whole number is in seconds from now: what is collected may run long after."""
    name = unique("new")
    now = int(time.time())
    wrong: dict[str, Any] = {
        claim: now + value if isinstance(value, int) else value for claim, value in claims.items()
    }
    token = store.token(contributor(store), **wrong)
    answer = store.request("PUT", f"{store.home.storage_url(MAIN)}/{name}?restype=container", token)
    assert answer.status_code == 401
    assert answer.headers["x-ms-error-code"] == "InvalidAuthenticationInfo"
    assert f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>" in answer.text
    assert answer.headers["www-authenticate"] == (
        f"Bearer authorization_uri=https://login.{store.home.suffix}/{TENANT}/oauth2/authorize"
        " resource_id=https://storage.azure.com"
    )
    assert name not in containers(store)


@pytest.mark.parametrize("kind", ["stranger", "none", "HS256", "RS512", "changed", "cut", "text", "null"])
def test_a_token_that_this_cloud_did_not_sign_makes_no_container(store: Store, kind: str) -> None:
    principal = contributor(store)
    head, claims, signature = store.token(principal).split(".")
    token = {
        "stranger": store.token(principal, STRANGER),
        "none": unsigned(store, principal, "none"),
        "HS256": unsigned(store, principal, "HS256"),
        "RS512": unsigned(store, principal, "RS512"),
        "changed": f"{head}.{encoded({'oid': principal})}.{signature}",
        "cut": f"{head}.{claims}",
        "text": "a.b.c",
        "null": f"{encoded({}).replace('e30', 'bnVsbA')}.bnVsbA.",
    }[kind]
    name = unique("new")
    answer = store.request("PUT", f"{store.home.storage_url(MAIN)}/{name}?restype=container", token)
    assert answer.status_code == 401, answer.text
    assert "Signature validation failed." in answer.text
    assert name not in containers(store)


@pytest.mark.parametrize("service", ["blob", "queue", "table"])
def test_a_token_may_be_for_all_of_storage_or_for_one_service_of_one_account(
    store: Store, service: Service
) -> None:
    principal = person()
    store.assign(principal, "Contributor", "/")
    path = {"blob": "?comp=list", "queue": "?comp=list", "table": "/Tables"}[service]
    url = f"{store.home.storage_url(MAIN, service)}{'' if service == 'table' else '/'}{path}"
    suffix = f"core.{store.home.suffix}"
    other = "queue" if service == "blob" else "blob"
    audiences = {
        "https://storage.azure.com": 200,
        "https://storage.azure.com/": 200,
        f"https://{MAIN}.{service}.{suffix}": 200,
        f"https://{MAIN}.{service}.{suffix}/": 200,
        f"https://{MAIN}.{other}.{suffix}": 401,
        f"https://{OTHER}.{service}.{suffix}": 401,
        f"https://{MAIN}.{service}.core.windows.net": 401,
    }
    accepted = {"Accept": "application/json"}
    tokens = {each: store.token(principal, aud=each) for each in audiences}
    answers = {
        each: store.request("GET", url, token, headers=accepted).status_code for each, token in tokens.items()
    }
    assert answers == audiences


@pytest.mark.parametrize("service", ["blob", "queue"])
def test_a_refusal_has_storages_form(store: Store, service: Service) -> None:
    url = f"{store.home.storage_url(MAIN, service)}/?comp=list"
    answer = store.request("GET", url, store.token(person()))
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"
    assert "<Code>AuthorizationPermissionMismatch</Code>" in answer.text
    message = "This request is not authorized to perform this operation using this permission.\nRequestId:"
    assert f"<Message>{message}{answer.headers['x-ms-request-id']}\n" in answer.text


def test_a_refusal_of_tables_has_the_form_of_odata(store: Store) -> None:
    url = f"{store.home.storage_url(MAIN, 'table')}/Tables"
    accepted = {"Accept": "application/json;odata=minimalmetadata"}
    answer = store.request("GET", url, store.token(person()), headers=accepted)
    assert answer.status_code == 403
    error = answer.json()["odata.error"]
    assert error["code"] == "AuthorizationPermissionMismatch"
    assert error["message"]["value"].startswith("This request is not authorized to perform this operation")


@pytest.mark.parametrize("service", ["blob", "queue", "table"])
def test_a_request_without_credential_is_told_where_to_sign_in(store: Store, service: Service) -> None:
    for path in ("/", "/?comp=list", "/public?restype=container&comp=list"):
        answer = store.request("GET", f"{store.home.storage_url(MAIN, service)}{path}")
        if answer.status_code != 400:
            assert answer.status_code == 401, answer.text
            assert answer.headers["x-ms-error-code"] == "NoAuthenticationInformation"
            assert answer.headers["www-authenticate"].startswith("Bearer authorization_uri=https://login.")


def test_another_scheme_is_no_authentication(store: Store) -> None:
    headers = {"Authorization": "Basic YTpi"}
    answer = store.request("GET", f"{store.home.storage_url(MAIN)}/?comp=list", headers=headers)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "InvalidAuthenticationInfo")


@pytest.mark.parametrize("version", ["2017-07-29", ""])
def test_a_token_needs_a_version_that_knows_it(store: Store, version: str) -> None:
    headers = {"x-ms-version": version}
    url = f"{store.home.storage_url(MAIN)}/?comp=list"
    answer = store.request("GET", url, store.token(PLATFORM), headers=headers)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
    assert "Authentication scheme Bearer is not supported in this version." in answer.text


def test_an_account_is_known_as_soon_as_it_exists_and_no_longer(store: Store) -> None:
    name = unique("a")
    with pytest.raises(HttpResponseError) as unknown:
        store.blobs(PLATFORM, name).create_container("first")
    assert unknown.value.status_code == 404
    store.accounts.append(policy.Account(account_id(name), (KEY,)))
    store.publish()
    store.blobs(PLATFORM, name).create_container("first")
    store.accounts.pop()
    store.publish()
    with pytest.raises(HttpResponseError) as gone:
        list(store.blobs(PLATFORM, name).list_containers())
    assert gone.value.status_code == 404


def test_a_role_counts_from_the_next_request_on_until_it_is_taken_away(store: Store) -> None:
    principal = person()
    url = f"{store.home.storage_url(MAIN)}/?comp=list"
    for _ in range(10):
        assert store.request("GET", url, store.token(principal)).status_code == 403
        store.assign(principal, "Storage Blob Data Reader", account_id(MAIN))
        assert store.request("GET", url, store.token(principal)).status_code == 200
        store.assignments.clear()
        store.publish()


def test_a_principals_id_has_no_letter_case(store: Store) -> None:
    principal = person()
    store.assign(principal.upper(), "Storage Blob Data Reader", account_id(MAIN))
    assert list(store.blobs(principal).list_containers()) is not None


def test_a_role_on_one_account_or_container_allows_nothing_on_another(store: Store) -> None:
    here, there = unique("c"), unique("c")
    for name in (here, there):
        store.blobs(PLATFORM).create_container(name).upload_blob("x", b"1")
    principal = person()
    store.assign(principal, BLOB_WRITER, f"{account_id(MAIN)}/blobServices/default/containers/{here}")
    allowed = store.blobs(principal)
    assert allowed.get_blob_client(here, "x").download_blob().readall() == b"1"
    for container in (there, f"{here}2"):
        with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
            allowed.get_blob_client(container, "x").download_blob()
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        list(allowed.list_containers())
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        list(store.blobs(principal, OTHER).list_containers())


def test_a_refused_request_is_not_journaled(store: Store) -> None:
    """The journal is what Event Grid makes its events from."""
    container = unique("c")
    store.blobs(PLATFORM).create_container(container)
    with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
        store.blobs(person()).get_blob_client(container, "refused.csv").upload_blob(b"1")
    store.blobs(PLATFORM).get_blob_client(container, "allowed.csv").upload_blob(b"1")
    journaled = "".join(each.read_text() for each in journal.folder(store.home).iterdir())
    assert f"/{container}/allowed.csv" in journaled
    assert "refused.csv" not in journaled
