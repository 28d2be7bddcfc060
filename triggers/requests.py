"""What the HTTP API reads from a request: its body, its caller, and the addresses that it leads to."""

import hashlib
import json
import re
from urllib.parse import urlsplit

import azure.functions as func

from runs.contracts import Caller, Json
from runs.record import LONGEST_COMMENT
from runs.settings import App
from runs.text import shorten
from triggers.responses import ApiError
from triggers.sign_in import KEY_HEADER, principal, signed_in

LONGEST_BODY = 2 << 20
"""Bytes of a body that are parsed. The host passes on 100 MB, of which Python would make some GB of objects.
The longest name and the longest value of each setting take less than 100 KB."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Half of a surrogate pair, which JSON can hold and UTF-8 cannot."""


def json_object(req: func.HttpRequest, example: str, fields: set[str]) -> Json:
    """The JSON object in a request's body, of which every field is one of `fields`.

    Raises ApiError BodyTooLarge, InvalidJson or UnknownField.
    """
    content = req.get_body() or b""
    if len(content) > LONGEST_BODY:
        message = f"the body has {len(content):,} bytes, and at most {LONGEST_BODY:,} are read."
        raise ApiError(413, "BodyTooLarge", message)
    try:
        body = json.loads(content)
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


def caller(req: func.HttpRequest, settings: App) -> Caller:
    """Who sends a request, as far as a Python function can know it.

    Where App Service signs callers in, it is the person or app that it names: see triggers.sign_in. Otherwise
    it is the function key, which the host has already checked. It is named by the first digits of its
    SHA-256: the host tells the worker the key's name (RpcHttp.identities), but the Python worker does not
    pass it on. A key in the header takes precedence over one in the query.
    """
    if settings.sign_in == "entra":
        return principal(req, settings)
    person = signed_in(req) if settings.signs_in else None
    if person is not None:
        return person
    key = (req.headers.get(KEY_HEADER) or req.params.get("code") or "").split(",")[0].strip()
    if not key:
        return Caller("somebody without a key", "")
    digest = hashlib.sha256(key.encode()).hexdigest()
    return Caller(f"function key {digest[:8]}", f"key:{digest}")
