"""What a caller of a route must be allowed to do: the operation, named as Azure names it, and its scope.

Resource Manager derives both from a request's path and method: the last type in the path and `read`, `write`
or `delete`; a POST is the `action` of its last segment. Sources: "Azure permissions" (the list of operations
of each provider) and "Understand Azure role definitions".
"""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from localcloud.access.decisions import Refused
from localcloud.resource_ids import split

VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
NAMED_OTHERWISE = {
    "Microsoft.Storage/checkNameAvailability/action": "Microsoft.Storage/checknameavailability/read",
}
"""Operations whose names do not follow from a path."""


def path_scope(request: Request) -> str:
    """The resource, group or subscription that a request's path is about."""
    return scope_of(request.url.path)


@dataclass(frozen=True)
class Right:
    """operation: "" if a valid token is enough. is_data: whether Azure calls it a data action.

    scope: of a request. audience: of the token; "" is Resource Manager. token: False if everybody may call.
    refusal: the service's own AzureError; by default Resource Manager's. before: what is checked first.
    filtered: whether a refused caller with a role further below gets what it may see (localcloud.listing).
    """

    operation: str = ""
    is_data: bool = False
    scope: Callable[[Request], str] = path_scope
    audience: str = ""
    token: bool = True
    refusal: Callable[[Refused], Exception] | None = None
    before: Callable[[Request], None] | None = None
    filtered: bool = False


EVERYBODY = Right(token=False)
SIGNED_IN = Right()
"""A token is enough: the answer holds nothing that only some may know, or one caller alone knows its URL.

Resource Manager asks no right of whoever polls an operation: a role on one group covers no URL of the
subscription, and clients with such a role poll nevertheless.
"""


def right_of(method: str, path: str) -> Right:
    """The right that Resource Manager asks for. `path` may be a route's, with {names}."""
    _, provider, segments = split(path)
    if method == "POST":
        *segments, action = segments
        operation = "/".join([provider, *segments[::2], action, "action"])
    else:
        operation = "/".join([provider, *segments[::2], VERBS.get(method, "read")])
    return Right(NAMED_OTHERWISE.get(operation, operation))


def scope_of(path: str) -> str:
    """What a path is about: the resource itself, or what its last segment lists or acts on."""
    base, provider, segments = split(path)
    whole = segments[: len(segments) // 2 * 2]
    if not base:
        return "/" + "/".join(whole)
    return base + ("/".join(["/providers", provider, *whole]) if whole else "")
