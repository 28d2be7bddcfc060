"""What an error of an Azure SDK means for a run: whether a retry can help, and what the service said."""

from azure.core.exceptions import AzureError, HttpResponseError

from runs import missing_roles
from runs.errors import RefusedError, TransientError

RETRYABLE_STATUS_CODES = frozenset({408, 409, 412, 423, 425, 429})
"""HTTP status codes below 500 for which a retry may succeed: throttling, a lock, a race."""
MESSAGE_LENGTH = 1000
"""Characters of a service's message that a run keeps."""

_NOISE = ("RequestId:", "Time:", "ErrorCode:", "Content:", "<")
"""Beginnings of lines that an SDK adds to the service's message."""


def explain(error: AzureError) -> RefusedError | TransientError:
    """The error of a run that an SDK's error means, in the service's own words; and the role that is missing.

    RefusedError if a retry would get the same answer, otherwise TransientError.
    """
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        kind, message = type(error).__name__, service_message(str(error))
        # azure.ai.ml sets this when its own validation refuses a request before sending it.
        if getattr(error, "error_category", "") == "UserError":
            return RefusedError(kind, f"{kind}: {message}")
        return TransientError(f"{kind}: {message}")
    code = azure_code(error)
    message = f"{code} ({error.status_code}): {_with_details(error)}{_request_of(error)}"
    message = " ".join(part for part in (message, missing_roles.of_app(code, message)) if part)
    if error.status_code >= 500 or error.status_code in RETRYABLE_STATUS_CODES:
        return TransientError(message)
    return RefusedError(code, message)


def azure_code(error: HttpResponseError) -> str:
    """The service's error code, which each SDK keeps in a place of its own; else the exception's name."""
    code = getattr(error, "error_code", None) or getattr(error.error, "code", None)
    return str(getattr(code, "value", code) or type(error).__name__)


def service_message(text: str) -> str:
    """The service's own message out of an SDK's, as one line of at most MESSAGE_LENGTH characters."""
    lines = [line.strip() for line in text.splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(_NOISE))[:MESSAGE_LENGTH]


def _with_details(error: HttpResponseError) -> str:
    message = getattr(error.error, "message", None) or error.message or str(error)
    details = [str(each.message) for each in getattr(error.error, "details", None) or [] if each.message]
    return service_message("\n".join(dict.fromkeys([message, *details])))


def _request_of(error: HttpResponseError) -> str:
    """The request that failed, without its query, which may hold a signature; or ""."""
    request = getattr(error.response, "request", None)
    return f" [{request.method} {request.url.split('?')[0]}]" if request is not None else ""
