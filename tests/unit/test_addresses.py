"""Addresses from responses: a token of the app is sent to Azure's own hosts and to no others."""

from dataclasses import replace
from typing import Any

import pytest

from activities.scoring_errors import history_error
from services.addresses import has_origin, may_receive_management_token
from services.operations import UNKNOWN_REASON, why_failed
from tests.unit.wire import SETTINGS, Answer, Sent, Wire

PUBLIC = replace(SETTINGS, resource_manager="https://management.azure.com")
LOCAL = replace(SETTINGS, resource_manager="https://127.0.0.1:10010")

AZURE = [
    "https://management.azure.com/subscriptions/s/operations/1?api-version=1",
    "https://management.azure.com",
    "HTTPS://Management.Azure.COM/subscriptions",
    "https://WestEurope.API.azureml.ms/discovery",
    "https://westeurope.api.azureml.ms/discovery",
    "https://0a1b.workspace.westeurope.api.azureml.ms/discovery",
    "https://usgovvirginia.api.ml.azure.us/discovery",
    "https://chinaeast2.api.ml.azure.cn/discovery",
]
ELSEWHERE = [
    "https://evil.invalid/discovery",
    "https://management.azure.com.evil.invalid/x",
    "https://management.azure.com@evil.invalid/x",
    "https://user:pass@management.azure.com/x",
    "https://evil.invalid/https://management.azure.com/x",
    "https://evil.invalid?.api.azureml.ms",
    "https://evil.invalid#.api.azureml.ms",
    "https://evil.invalid\\.api.azureml.ms/x",
    "https://evil.invalid/.api.azureml.ms",
    "https://westeurope.api.azureml.ms.evil.invalid/x",
    "https://westeurope.api.azureml.ms@evil.invalid/x",
    "https://evilapi.azureml.ms.invalid/x",
    "https://api.azureml.ms/x",
    "https://westeurope.api.azureml.ms:8443/x",
    "https://management.azure.com:8443/x",
    "http://management.azure.com/x",
    "http://westeurope.api.azureml.ms/x",
    "//management.azure.com/x",
    "management.azure.com/x",
    "https://[/x",
    "",
    "none",
]


@pytest.mark.parametrize("url", AZURE)
def test_azures_own_hosts_may_receive_a_token(url: str) -> None:
    assert may_receive_management_token(url, PUBLIC)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_no_other_host_may(url: str) -> None:
    assert not may_receive_management_token(url, PUBLIC)
    assert not has_origin(url, PUBLIC.resource_manager)


def test_resource_manager_is_the_one_of_the_settings() -> None:
    assert may_receive_management_token("https://127.0.0.1:10010/x", LOCAL)
    assert not may_receive_management_token("https://127.0.0.1:10011/x", LOCAL)
    assert not may_receive_management_token("https://management.azure.com/x", LOCAL)


# --- Operations -----------------------------------------------------------------------------------------

FAILED = {"error": {"code": "Quota", "message": "no cores", "details": [{"message": "ask for more"}]}}


def test_an_operation_says_why_it_failed() -> None:
    wire = Wire(lambda sent: Answer(200, FAILED))
    url = f"{SETTINGS.resource_manager}/operations/1?api-version=1"
    assert why_failed(url, wire.clients()) == "Quota: no cores ask for more"
    assert [sent.headers["Authorization"] for sent in wire.sent] == ["Bearer token"]


@pytest.mark.parametrize("body", [{}, {"error": None}, {"error": {"code": "Quota"}}, b"no JSON"], ids=str)
def test_an_operation_that_gives_no_reason_says_so(body: Any) -> None:
    url = f"{SETTINGS.resource_manager}/operations/1"
    assert why_failed(url, Wire(lambda sent: Answer(200, body)).clients()) == UNKNOWN_REASON


@pytest.mark.parametrize("status", [403, 404])
def test_an_operation_that_may_not_be_read_gives_no_reason(status: int) -> None:
    url = f"{SETTINGS.resource_manager}/operations/1"
    assert why_failed(url, Wire(lambda sent: Answer(status, FAILED)).clients()) == UNKNOWN_REASON


@pytest.mark.parametrize("url", ELSEWHERE)
def test_an_operation_at_another_host_is_not_asked(url: str) -> None:
    wire = Wire(lambda sent: Answer(200, FAILED))
    assert why_failed(url, wire.clients()) == UNKNOWN_REASON
    assert wire.sent == []


# --- The run history ------------------------------------------------------------------------------------


def history(discovery: str, api: str) -> tuple[Wire, str]:
    """A workspace that returns these addresses, and the run history of a failed run there."""

    def answer(sent: Sent) -> Answer:
        if "/workspaces/" in sent.path and "/history/" not in sent.path:
            properties: dict[str, Any] = {"discoveryUrl": discovery, "workspaceId": "1"}
            return Answer(200, {"id": PUBLIC.workspace_id, "name": "x", "properties": properties})
        if sent.path.endswith("/discovery"):
            return Answer(200, {"api": api})
        return Answer(200, {"error": {"error": {"message": "no memory"}}})

    wire = Wire(answer)
    return wire, history_error("run-1", wire.clients(PUBLIC))


def test_the_run_history_of_the_workspace_says_why_a_job_failed() -> None:
    ml = "https://westeurope.api.azureml.ms"
    wire, message = history(f"{ml}/discovery", ml)
    assert message == "no memory"
    assert wire.sent[-1].path == f"{ml}/history/v1.0{PUBLIC.workspace_id}/runs/run-1/details"


@pytest.mark.parametrize(
    ("discovery", "api"),
    [
        ("https://evil.invalid/discovery", "https://westeurope.api.azureml.ms"),
        ("https://westeurope.api.azureml.ms/discovery", "https://evil.invalid"),
        ("https://westeurope.api.azureml.ms/discovery", ""),
    ],
)
def test_a_run_history_at_another_host_is_not_asked(discovery: str, api: str) -> None:
    wire, message = history(discovery, api)
    assert message == ""
    assert [
        sent.path for sent in wire.sent if not sent.path.startswith(("https://management", discovery))
    ] == []
    assert [sent.path for sent in wire.sent if "evil" in sent.path] == []
