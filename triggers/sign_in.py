"""Whether a request may be answered: who has signed in, and whether another site has sent it.

Under `entra`, App Service authentication signs callers in, and the host asks for no key. The app then answers
only requests that App Service has let through: those that have its headers, on an app of which the platform
says that the authentication is on. App Service removes these headers from requests that come from outside.
Source: "Work with user identities in Azure App Service authentication".
"""

import json
from base64 import b64decode
from urllib.parse import urlsplit

import azure.functions as func

from runs.contracts import Caller
from runs.settings import App
from triggers.responses import ApiError

KEY_HEADER = "x-functions-key"
OWN_HEADER = "x-touchdown-client"
"""A header that a page of another site cannot send without asking this one: any value will do."""
PRINCIPAL, PRINCIPAL_ID, PRINCIPAL_NAME, PROVIDER = (
    f"x-ms-client-principal{part}" for part in ("", "-id", "-name", "-idp")
)
ENTRA = "aad"
"""The provider's name in App Service's headers."""
OBJECT_ID = frozenset({"http://schemas.microsoft.com/identity/claims/objectidentifier", "oid"})
"""Types of the claim that has a principal's object id: as App Service maps it, and as a token has it."""
NAME_LENGTH = 256
"""Characters of a caller's name that are kept."""


def check(req: func.HttpRequest, settings: App) -> None:
    """Raise ApiError for a request that the app does not answer: 401, or 403 if another site has sent it."""
    if settings.sign_in == "entra":
        principal(req, settings)
    if req.method != "GET":
        check_origin(req)


def check_origin(req: func.HttpRequest) -> None:
    """Raise ApiError unless the sender of a request that changes something wanted to send it.

    A page of another site can make a browser that is signed in here send a form. It cannot add a header of
    its own to it, and the browser names the page's origin. Programs send no origin.
    """
    if not req.headers.get(KEY_HEADER) and not req.headers.get(OWN_HEADER):
        message = (
            f"the header {KEY_HEADER} or {OWN_HEADER} is missing; a request that changes something needs one."
        )
        raise ApiError(403, "HeaderMissing", message)
    url = urlsplit(req.url)
    if req.headers.get("origin", f"{url.scheme}://{url.netloc}") != f"{url.scheme}://{url.netloc}":
        raise ApiError(403, "OtherOrigin", "the request comes from a page of another site.")


def principal(req: func.HttpRequest, settings: App) -> Caller:
    """The person or app whom App Service has signed in. Raises ApiError NotSignedIn."""
    if not settings.signs_in:
        raise not_signed_in(
            "App Service authentication is off on this app. Whoever operates the app turns it on, or sets"
            " TOUCHDOWN_SIGN_IN = key."
        )
    found = signed_in(req)
    if found is None:
        raise not_signed_in("sign in with Microsoft Entra ID: send an access token for this app.")
    return found


def not_signed_in(what_to_do: str) -> ApiError:
    return ApiError(401, "NotSignedIn", f"nobody is signed in: {what_to_do}")


def signed_in(req: func.HttpRequest) -> Caller | None:
    """The caller in App Service's headers, or None if they name none of Entra ID's."""
    object_id = req.headers.get(PRINCIPAL_ID, "").lower()
    if req.headers.get(PROVIDER) != ENTRA or object_id not in object_ids(req.headers.get(PRINCIPAL, "")):
        return None
    name = "".join(each for each in req.headers.get(PRINCIPAL_NAME, "") if each.isprintable())
    return Caller(name[:NAME_LENGTH] or object_id, f"entra:{object_id}")


def object_ids(encoded: str) -> set[str]:
    """The object ids among the claims of X-MS-CLIENT-PRINCIPAL, which is JSON in base64."""
    try:
        document = json.loads(b64decode(encoded, validate=True))
        claims = document["claims"] if document["auth_typ"] == ENTRA else []
        return {str(each["val"]).lower() for each in claims if each["typ"] in OBJECT_ID and each["val"]}
    except (ValueError, TypeError, KeyError, RecursionError):
        return set()
