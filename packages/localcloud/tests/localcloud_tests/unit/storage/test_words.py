"""What a service quotes of storage's refusal: one line, with the request, without a signature."""

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.core.rest import HttpRequest
from localcloud.storage.words import said

SENTENCE = "This request is not authorized to perform this operation using this permission."


class Answer:
    """A response, as far as an error reads it."""

    def __init__(self, status: int) -> None:
        self.status_code = status
        self.reason = "Forbidden"
        self.request = HttpRequest("PUT", "https://data.blob.core.test/code/a?sig=secret")

    def body(self) -> bytes:
        return b""


def refused(message: str, code: str | None = None) -> HttpResponseError:
    error = HttpResponseError(message, response=Answer(403))  # type: ignore[arg-type] # as far as it is read
    if code:
        error.error_code = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("added", ["RequestId:1\nTime:2026", "ErrorCode:X", "Content: <?xml", ""])
def test_storages_sentence_is_quoted_with_its_code_and_the_request(added: str) -> None:
    words = said(refused(f"{SENTENCE}\n{added}", "AuthorizationPermissionMismatch"))
    request = "[PUT https://data.blob.core.test/code/a]"
    assert words == f"AuthorizationPermissionMismatch (403): {SENTENCE} {request}"


def test_an_error_without_a_code_is_called_by_its_type() -> None:
    assert said(refused("no")).startswith("HttpResponseError (403): no [PUT ")


def test_an_error_that_is_not_storages_keeps_its_own_words() -> None:
    assert said(ServiceRequestError("nothing\nlistens")) == "nothing listens"
    assert said(OSError()) == "OSError"
