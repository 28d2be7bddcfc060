"""From a step to an activity: refusals are values, faults are raised, and both speak in sentences."""

import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.core.rest import HttpRequest
from azure.core.rest._http_response_impl import HttpResponseImpl

from activities.registration import LONGEST, activities, activity, explain, sentence
from runs.contracts import Done, ProvisioningStatus
from runs.errors import RefusedError, TransientError


@dataclass(frozen=True)
class Order:
    name: str
    size: int = 1


def invoke(step: Any, given: dict[str, Any]) -> Any:
    """Call a step as the worker does: through the function that was registered for it."""
    activity(step)
    built = activities._function_builders.pop()
    assert built._function.get_function_name() == step.__name__
    return built._function.get_user_function()(given)


class Body(HttpResponseImpl):
    """An answer of a service, as a transport hands it to the SDKs."""

    def __init__(self, status: int, body: bytes, method: str = "GET", url: str = "https://arm/x?sig=secret"):
        super().__init__(
            request=HttpRequest(method, url),
            internal_response=None,
            status_code=status,
            reason="because",
            content_type="application/json",
            headers={"Content-Type": "application/json"},
            stream_download_generator=None,
        )
        self._content = body
        self._is_closed = True


def answered(
    status: int, error: Any = None, kind: type[HttpResponseError] = HttpResponseError
) -> HttpResponseError:
    return kind(response=Body(status, json.dumps({"error": error}).encode() if error else b""))


# --- What crosses -------------------------------------------------------------------------------------


def test_a_step_takes_and_gives_json() -> None:
    def measure(order: Order) -> ProvisioningStatus:
        return ProvisioningStatus(order.size > 3, order.name)

    assert invoke(measure, {"name": "a", "size": 5, "from_the_future": 1}) == {
        "done": True,
        "operation_url": "a",
    }
    assert invoke(measure, {"name": "a"}) == {"done": False, "operation_url": "a"}


def test_a_refusal_is_a_value_and_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(order: Order) -> Done:
        raise RefusedError("LabelMissing", f"dataset {order.name}: no such column")

    assert invoke(refuse, {"name": "x.csv"}) == {
        "refused": {"code": "LabelMissing", "message": "dataset x.csv: no such column"}
    }
    assert [entry.levelno for entry in caplog.records] == [logging.WARNING]


def test_a_fault_is_raised_as_it_is() -> None:
    def fail(order: Order) -> Done:
        raise TransientError("busy")

    with pytest.raises(TransientError, match=r"^busy$"):
        invoke(fail, {"name": "x"})


def test_an_sdks_error_that_will_not_go_away_is_a_refusal() -> None:
    def fail(order: Order) -> Done:
        raise answered(403, {"code": "AuthorizationFailed", "message": "You may not do that."})

    assert invoke(fail, {"name": "x"})["refused"] == {
        "code": "AuthorizationFailed",
        "message": "AuthorizationFailed (403): You may not do that. [GET https://arm/x]",
    }


def test_an_sdks_error_that_may_pass_is_raised_as_a_fault_of_one_line() -> None:
    def fail(order: Order) -> Done:
        raise answered(503, {"code": "ServerBusy", "message": "Come back."})

    with pytest.raises(TransientError, match=r"^ServerBusy \(503\): Come back\. ") as caught:
        invoke(fail, {"name": "x"})
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, HttpResponseError)


def test_an_error_of_our_own_is_raised_so_that_it_is_seen() -> None:
    def fail(order: Order) -> Done:
        raise KeyError("metrics")

    with pytest.raises(KeyError):
        invoke(fail, {"name": "x"})


# --- What an error means ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 411, 413, 422])
def test_what_the_caller_did_wrong_is_refused(status: int) -> None:
    assert isinstance(explain(answered(status)), RefusedError)


@pytest.mark.parametrize("status", [408, 409, 412, 423, 425, 429, 500, 502, 503, 504])
def test_throttling_locks_races_and_the_services_own_trouble_may_pass(status: int) -> None:
    assert isinstance(explain(answered(status)), TransientError)


@pytest.mark.parametrize(
    "error",
    [
        ServiceRequestError("Name or service not known"),
        IncompleteReadError("connection broken"),
        ClientAuthenticationError("DefaultAzureCredential failed to retrieve a token"),
        HttpResponseError("the answer was no answer"),
        AzureError("anything"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_without_an_answer_may_pass_and_says_its_type(error: AzureError) -> None:
    meant = explain(error)
    assert isinstance(meant, TransientError)
    assert str(meant) == f"{type(error).__name__}: {error.message}"


def test_what_azure_ml_finds_wrong_before_it_sends_anything_is_refused() -> None:
    """azure.ai.ml's own errors have a category; a user error is the same at the next attempt."""

    class ValidationException(AzureError):
        error_category = "UserError"

    class SystemTrouble(AzureError):
        error_category = "SystemError"

    meant = explain(ValidationException("Deployment name must be 3 to 32 characters"))
    assert isinstance(meant, RefusedError)
    assert meant.code == "ValidationException"
    assert "3 to 32 characters" in str(meant)
    assert isinstance(explain(SystemTrouble("try again")), TransientError)


def test_the_code_of_a_storage_error_is_storages_own() -> None:
    class Code:
        value = "LeaseAlreadyPresent"

    error = answered(409, kind=ResourceExistsError)
    error.error_code = Code()  # type: ignore[attr-defined]
    assert str(explain(error)).startswith("LeaseAlreadyPresent (409): ")


def test_an_error_without_a_code_is_called_by_its_type() -> None:
    meant = explain(answered(404, kind=ResourceNotFoundError))
    assert isinstance(meant, RefusedError)
    assert meant.code == "ResourceNotFoundError"


def test_the_request_is_named_without_its_query_which_may_hold_a_signature() -> None:
    message = str(explain(answered(404)))
    assert message.endswith("[GET https://arm/x]")
    assert "secret" not in message


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The lease is held.\nRequestId:1\nTime:2026\nErrorCode:LeaseHeld", "The lease is held."),
        ("One.\n\n  Two.  \nContent: {…}", "One. Two."),
        ("<html>\n<body>Bad gateway", ""),
        ("", ""),
        ("x" * 5000, "x" * LONGEST),
        ("a\r\nb", "a b"),
    ],
)
def test_of_an_sdks_message_the_services_sentence_is_kept(text: str, kept: str) -> None:
    assert sentence(text) == kept
