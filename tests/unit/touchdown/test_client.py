"""The client: its requests to the app and to Azure, and its transfers of files of any size."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ResourceNotFoundError

from tests.unit.wire import Blobs
from tests.unit.wire import Wire as StorageWire
from touchdown.client import (
    ApiError,
    Client,
    ClientError,
    NotFoundError,
    StackNotRunningError,
    Target,
    WaitTimedOutError,
)
from touchdown.scoring import output_columns

BLOCK = 1 << 20


class Credential:
    """A credential that gives one fixed token and records the scopes that it is asked for."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken("token", 2**40)


def target(**changes: Any) -> Target:
    """A target on this machine, at addresses where nothing listens."""
    known: dict[str, Any] = {
        "api": "http://127.0.0.1:1",
        "function_key": "a key",
        "blob_url": "https://127.0.0.1:1/account",
        "container": "data",
        "resource_manager": "https://127.0.0.1:1",
        "subscription": "s",
        "resource_group": "g",
        "workspace": "w",
        "datastore": "store",
        "credential": Credential(),
    }
    return Target(**known | changes)


class Container:
    """A storage container that reads uploads block by block and keeps none of them."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}
        self.blobs: dict[str, bytes] = {}

    def get_blob_client(self, path: str) -> Any:
        container = self

        class Blob:
            def upload_blob(self, content: Any, **_: Any) -> dict[str, str]:
                assert not isinstance(content, bytes)
                while block := content.read(BLOCK):
                    container.sent[path] = container.sent.get(path, 0) + len(block)
                return {"etag": '"0x1"'}

        return Blob()

    def download_blob(self, path: str, *, decompress: bool) -> Any:
        assert not decompress, "a node may have written it, and chosen its Content-Encoding"
        if path not in self.blobs:
            raise ResourceNotFoundError("gone")
        content = self.blobs[path]

        class Download:
            def readinto(self, out: Any) -> None:
                out.write(content)

        return Download()

    def close(self) -> None:
        pass


class Called(Client):
    """A client whose calls of the app's API are recorded and answered."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.calls: list[tuple[str, str, Any]] = []
        self.storage = Container()
        self.__dict__["container"] = self.storage

    def api(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        self.calls.append((method, path, request.get("json")))
        return {"run_id": "r"}


@pytest.fixture
def client() -> Iterator[Called]:
    with Called(target()) as made:
        yield made


def test_a_decision_is_sent_with_its_comment(client: Called) -> None:
    client.approve("a-1", "looks good")
    client.reject("a-2", "too few rows")
    client.approve("a-3")
    assert client.calls == [
        ("POST", "runs/a-1/approve", {"comment": "looks good"}),
        ("POST", "runs/a-2/reject", {"comment": "too few rows"}),
        ("POST", "runs/a-3/approve", {}),
    ]


def test_a_file_is_uploaded_piece_by_piece(client: Called, tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    with file.open("wb") as out:
        out.truncate(64 * BLOCK)
    tracemalloc.start()
    uploaded = client.upload(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert client.storage.sent == {"datasets/large.csv": 64 * BLOCK}
    assert uploaded.etag == "0x1"
    assert peak < 4 * BLOCK


def test_a_report_is_saved_to_the_file_that_is_named(client: Called, tmp_path: Path) -> None:
    client.storage.blobs["runs/a-1/report.html"] = b"<html>"
    run = {"run_id": "a-1", "status": "Succeeded", "report": "runs/a-1/report.html"}
    client.save_report(run, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == b"<html>"


@pytest.mark.parametrize(
    ("report", "expected"),
    [("", "has no report"), ("runs/a-1/report.html", "no longer at runs/a-1/report.html")],
)
def test_a_report_that_is_not_there_leaves_no_file(
    report: str, expected: str, client: Called, tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    run = {"run_id": "a-1", "status": "Failed", "report": report}
    with pytest.raises(NotFoundError, match=expected):
        client.save_report(run, folder / "report.html")
    assert list(folder.iterdir()) == []


def test_what_is_not_there_is_a_clients_error_and_no_answer_of_the_api() -> None:
    assert issubclass(NotFoundError, ClientError)
    assert not issubclass(NotFoundError, ApiError)


class Wire:
    """Answers every request and records it."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer


def connected(wire: Wire, **changes: Any) -> Client:
    client = Client(target(**changes))
    client.__dict__["http"] = httpx.Client(transport=httpx.MockTransport(wire))
    return client


def test_the_app_is_called_with_the_function_key_and_without_the_credential() -> None:
    wire = Wire(httpx.Response(200, json={"run_id": "a-1"}))
    with connected(wire, api="https://app.example") as client:
        client.run("a-1")
    (request,) = wire.requests
    assert str(request.url) == "https://app.example/api/runs/a-1"
    assert request.headers["x-functions-key"] == "a key"
    assert "authorization" not in request.headers


MLMODEL = "runs/r/0/x/artifacts/model/MLmodel"
LONG = b"signature: " + b" " * (16 << 20)


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (b'signature:\n  outputs: \'[{"name": "prediction"}, {"name": "probability_a"}]\'\n', 2),
        (b"signature: null", 1),
        (b"flavors: {}", 1),
        (b"signature: {outputs: '[7, {}]'}", 1),
        (b"{", "cannot be read as YAML"),
        (b"- a\n" * 10_001, "it has more than 10,000 values"),
        (LONG, "it has more than 16,777,216 bytes"),
    ],
    ids=["columns", "no signature", "none at all", "no names", "no YAML", "values", "bytes"],
)
def test_the_columns_of_a_model_are_read_from_an_mlmodel_that_anyone_may_have_written(
    content: bytes, columns: int | str
) -> None:
    blobs = Blobs()
    blobs.put(MLMODEL, content)
    model = {"assetId": "/m", "modelUri": f"azureml://datastores/d/paths/{MLMODEL.removesuffix('/MLmodel')}"}
    wire = Wire(httpx.Response(200, json={"properties": {"model": model} | model}))
    with connected(wire) as client:
        client.__dict__["container"] = StorageWire(blobs).clients().container
        if isinstance(columns, int):
            found = output_columns(client, "endpoint", "deployment")
            assert (len(found), found[0]) == (columns, "prediction")
        else:
            with pytest.raises(ClientError, match=f"^{MLMODEL}: .*{columns}"):
                output_columns(client, "endpoint", "deployment")


def test_no_function_key_sends_no_header() -> None:
    wire = Wire(httpx.Response(200, json={}))
    with connected(wire, function_key="") as client:
        client.run("a-1")
    assert "x-functions-key" not in wire.requests[0].headers


def test_an_app_that_asks_for_a_sign_in_is_called_with_a_token() -> None:
    wire = Wire(httpx.Response(200, json={}))
    with connected(wire, function_key="", api_scope="api://c1/.default") as client:
        client.cancel("a-1")
        assert client.target.credential.scopes == ["api://c1/.default"]  # type: ignore[attr-defined]
    (request,) = wire.requests
    assert request.headers["authorization"] == "Bearer token"
    assert request.headers["x-touchdown-client"], "each POST needs it"


def test_resource_manager_is_called_at_the_targets_address_with_a_token_for_it() -> None:
    wire = Wire(httpx.Response(200, json={"name": "e"}))
    credential = Credential()
    with connected(wire, resource_manager="https://arm.example", credential=credential) as client:
        client.endpoint("e")
    (request,) = wire.requests
    assert request.url.host == "arm.example"
    assert request.url.path == (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
        "/batchEndpoints/e"
    )
    assert request.headers["authorization"] == "Bearer token"
    assert credential.scopes == ["https://arm.example/.default"]


def test_an_answer_that_refuses_carries_status_code_and_body() -> None:
    body = {"error": {"code": "RunNotFound", "message": "there is no run 'a-1'"}}
    with connected(Wire(httpx.Response(404, json=body))) as client:
        with pytest.raises(ApiError, match=r"GET /api/runs/a-1: 404 there is no run 'a-1'") as caught:
            client.run("a-1")
        assert client.find("a-1") is None
    assert (caught.value.status, caught.value.code, caught.value.body) == (404, "RunNotFound", body)


def test_an_address_where_nothing_listens_is_named_in_an_error_of_its_own() -> None:
    with Client(target()) as client, pytest.raises(StackNotRunningError, match=r"127\.0\.0\.1:1"):
        client.run("a-1")


def test_a_wait_that_ends_in_vain_quotes_the_last_state() -> None:
    running = {"run_id": "a-1", "status": "Running"}
    with (
        connected(Wire(httpx.Response(200, json=running))) as client,
        pytest.raises(WaitTimedOutError, match="Running"),
    ):
        client.wait("a-1", limit=0.1)
    failed = {"run_id": "a-1", "status": "Failed"}
    with (
        connected(Wire(httpx.Response(200, json=failed))) as client,
        pytest.raises(WaitTimedOutError, match="ended in another way"),
    ):
        client.wait("a-1", until=("Succeeded",))


@pytest.mark.parametrize(
    ("api", "direct"),
    [
        ("http://127.0.0.1:7071", True),
        ("http://localhost:7071", True),
        ("https://[::1]:1", True),
        ("https://app.azurewebsites.net", False),
    ],
)
def test_a_proxy_is_used_only_for_a_target_elsewhere(api: str, direct: bool) -> None:
    assert target(api=api).is_on_loopback is direct
    with Client(target(api=api)) as client:
        assert client.http.trust_env is not direct


def test_neither_key_nor_credential_is_shown_when_a_target_is_printed() -> None:
    printed = repr(target(function_key="s3cret"))
    assert "s3cret" not in printed
    assert "Credential" not in printed
