"""What storage said, in one line, for the errors of the services that use it."""

import re

from azure.core.exceptions import HttpResponseError

_ADDED = re.compile(r"^\s*(?:RequestId|Time|ErrorCode|Content):", re.MULTILINE)
"""Where the lines begin that follow storage's own sentence in an SDK's message."""


def said(error: Exception) -> str:
    """Storage's code, status and sentence, and the request; the error's own words if storage sent none."""
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        return " ".join(str(error).split()) or type(error).__name__
    code = getattr(error, "error_code", None) or type(error).__name__
    sentence = " ".join(_ADDED.split(str(error.message))[0].split())
    request = getattr(error.response, "request", None)
    # The query may hold a signature.
    at = f" [{request.method} {request.url.partition('?')[0]}]" if request is not None else ""
    return f"{getattr(code, 'value', code)} ({error.status_code}): {sentence}{at}"
