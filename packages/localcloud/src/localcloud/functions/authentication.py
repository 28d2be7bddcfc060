"""App Service authentication in front of a host: it takes tokens of this cloud, and names their principals.

In Azure it is a process beside the host, which sees each request first. It removes the headers that only it
may set, also where it is off. Where it is on, a request without a valid token gets 401, except below the
excluded paths. The admin API is outside of it here: the platform itself calls that. Source: "Work with user
identities in Azure App Service authentication"; "Authentication and authorization in Azure App Service".
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

OWN = ("x-ms-client-principal", "x-ms-token-")
"""Prefixes of the headers that only App Service may set; it removes them from every request from outside."""
ADMIN = "/admin/"
CLAIM_TYPES = {
    "oid": "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "tid": "http://schemas.microsoft.com/identity/claims/tenantid",
    "upn": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "sub": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
}
"""The names that App Service gives to claims of a token; it leaves others as they are."""
NAMES = ("upn", "preferred_username")
"""The claims with a person's name, in tokens of version 1.0 and 2.0."""


@dataclass(frozen=True)
class Rules:
    """audiences: those of accepted tokens. excluded: paths that need none; `*` stands for any end of a path.

    public_key: PEM, of whoever signs the tokens. issuer: whom they name as their issuer.
    """

    audiences: list[str]
    excluded: list[str]
    public_key: str
    issuer: str

    @classmethod
    def read(cls, given: Mapping[str, Any] | None) -> "Rules | None":
        return cls(**given) if given else None

    def covers(self, path: str) -> bool:
        """Whether a path needs a token."""
        if path.startswith(ADMIN):
            return False
        return not any(
            path.startswith(each[:-1]) if each.endswith("*") else path == each for each in self.excluded
        )


class Authentication:
    """Middleware. rules: None where the authentication is off."""

    def __init__(self, app: ASGIApp, rules: Rules | None) -> None:
        self.app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = [each for each in scope["headers"] if not each[0].decode("latin-1").lower().startswith(OWN)]
        if self._rules is not None and self._rules.covers(scope["path"]):
            claims = claims_of(Headers(scope=scope).get("authorization", ""), self._rules)
            if claims is None:
                await Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})(scope, receive, send)
                return
            headers += [(name.encode(), value.encode()) for name, value in named(claims).items()]
        await self.app({**scope, "headers": headers}, receive, send)


def claims_of(authorization: str, rules: Rules) -> dict[str, Any] | None:
    """The claims of the bearer token in a header, or None without a valid one."""
    # A host whose site signs nobody in needs no cryptography.
    import jwt

    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        found: dict[str, Any] = jwt.decode(
            token.strip(),
            rules.public_key,
            algorithms=["RS256"],
            audience=rules.audiences,
            issuer=rules.issuer,
        )
    except jwt.InvalidTokenError:
        return None
    return found


def named(claims: Mapping[str, Any]) -> dict[str, str]:
    """The headers that name the principal of a token to the app."""
    document = {
        "auth_typ": "aad",
        "claims": [{"typ": CLAIM_TYPES.get(name, name), "val": str(value)} for name, value in claims.items()],
        "name_typ": CLAIM_TYPES["upn"],
        "role_typ": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    }
    names = [str(claims[each]) for each in NAMES if each in claims]
    name = {"x-ms-client-principal-name": names[0]} if names else {}
    return {
        "x-ms-client-principal": b64encode(json.dumps(document).encode()).decode(),
        "x-ms-client-principal-id": str(claims["oid"]),
        "x-ms-client-principal-idp": "aad",
        **name,
    }
