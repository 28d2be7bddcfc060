"""What an SDK's error means for a run: refused or transient, in the service's own words."""

import json
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

from runs.errors import RefusedError, TransientError
from services.errors import MESSAGE_LENGTH, explain, service_message


class Body(HttpResponseImpl):
    """A service's response, as a transport hands it to the SDKs."""

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


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 411, 413, 422])
def test_an_error_of_the_caller_is_refused(status: int) -> None:
    assert isinstance(explain(answered(status)), RefusedError)


@pytest.mark.parametrize("status", [408, 409, 412, 423, 425, 429, 500, 502, 503, 504])
def test_throttling_locks_races_and_failures_of_the_service_are_transient(status: int) -> None:
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
def test_an_error_without_a_response_is_transient_and_says_its_type(error: AzureError) -> None:
    meant = explain(error)
    assert isinstance(meant, TransientError)
    assert str(meant) == f"{type(error).__name__}: {error.message}"


def test_a_request_that_azure_ml_itself_finds_invalid_is_refused() -> None:
    """azure.ai.ml's own errors have a category; a user error is the same at the next attempt."""

    class ValidationException(AzureError):  # noqa: N818 - as azure.ai.ml names it
        error_category = "UserError"

    class SystemTroubleError(AzureError):
        error_category = "SystemError"

    meant = explain(ValidationException("Deployment name must be 3 to 32 characters"))
    assert isinstance(meant, RefusedError)
    assert meant.code == "ValidationException"
    assert str(meant) == "ValidationException: Deployment name must be 3 to 32 characters"
    assert isinstance(explain(SystemTroubleError("try again")), TransientError)


def test_the_code_of_a_storage_error_is_storages_own() -> None:
    class Code:
        value = "LeaseAlreadyPresent"

    error = answered(409, kind=ResourceExistsError)
    error.error_code = Code()  # type: ignore[attr-defined]
    assert str(explain(error)).startswith("LeaseAlreadyPresent (409): ")


def test_the_details_of_an_error_follow_its_message_each_once() -> None:
    details = [
        {"code": "Size", "message": "No such VM size."},
        {"code": "Invalid", "message": "It is wrong."},
    ]
    error = {"code": "Invalid", "message": "It is wrong.", "details": details}
    expected = "Invalid (400): It is wrong. No such VM size. [GET https://arm/x]"
    assert str(explain(answered(400, error))) == expected


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
        ("x" * 5000, "x" * MESSAGE_LENGTH),
        ("a\r\nb", "a b"),
    ],
)
def test_the_services_own_message_is_kept_of_an_sdks_message(text: str, kept: str) -> None:
    assert service_message(text) == kept
