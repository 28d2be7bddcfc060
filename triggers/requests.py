"""What the HTTP API reads from a request: its body, its caller, and the addresses that it leads to."""

import hashlib
import json
import re
from urllib.parse import urlsplit

import azure.functions as func

from runs.contracts import LONGEST_COMMENT, Json
from runs.settings import App
from runs.text import shorten
from triggers.responses import ApiError

CALLER_LENGTH = 256
"""Characters of a caller's name that a decision keeps."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Half of a surrogate pair, which JSON can hold and UTF-8 cannot."""


def json_object(req: func.HttpRequest, example: str, fields: set[str]) -> Json:
    """The JSON object in a request's body, of which every field is one of `fields`.

    Raises ApiError InvalidJson or UnknownField.
    """
    try:
        body = json.loads(req.get_body() or b"")
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "InvalidJson", f"the body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise ApiError(400, "InvalidJson", f"the body is not a JSON object such as {example}.")
    unknown = sorted(set(body) - fields)
    if unknown:
        raise ApiError(
            400,
            "UnknownField",
            f"{shorten(', '.join(unknown), 200)}: unknown; the fields are {', '.join(sorted(fields))}.",
        )
    return body


def comment_of(req: func.HttpRequest) -> str:
    """The comment in the body of a decision; "" if there is no body. Raises ApiError."""
    if not (req.get_body() or b"").strip():
        return ""
    comment = json_object(req, '{"comment": "better on every class"}', {"comment"}).get("comment", "")
    if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT or _SURROGATE.search(comment):
        message = f"comment: a text of at most {LONGEST_COMMENT} characters is expected."
        raise ApiError(400, "InvalidComment", message)
    return comment


def address(req: func.HttpRequest, rest: str) -> str:
    """The absolute address of something in this API, whatever the host's route prefix is."""
    url = urlsplit(req.url)
    prefix = url.path[: url.path.index("/runs")]
    return f"{url.scheme}://{url.netloc}{prefix}/{rest}"


def caller(req: func.HttpRequest, settings: App) -> str:
    """Who sends a request, as far as a Python function can know it.

    If App Service signs people in, it is the person named by its headers, which it removes from requests from
    outside ("Work with user identities in Azure App Service authentication"); otherwise these headers are
    ignored. If nobody is signed in, it is the function key, which the host has already checked, given as the
    first digits of its SHA-256: the host tells the worker the key's name (RpcHttp.identities), but the Python
    worker does not pass it on. A key in the header takes precedence over one in the query.
    """
    if settings.signs_in:
        for header in ("x-ms-client-principal-name", "x-ms-client-principal-id"):
            name = "".join(each for each in req.headers.get(header, "") if each.isprintable())
            if name:
                return name[:CALLER_LENGTH]
    key = (req.headers.get("x-functions-key") or req.params.get("code") or "").split(",")[0].strip()
    return f"function key {hashlib.sha256(key.encode()).hexdigest()[:8]}" if key else "somebody without a key"
