"""The App Service managed-identity endpoint, from which azure-identity gets its tokens.

`GET {IDENTITY_ENDPOINT}?resource=…&api-version=2019-08-01` with `X-IDENTITY-HEADER`. Source: "How to use
managed identities for App Service and Azure Functions", REST endpoint reference. The response has the fields
that azure-identity's AppServiceCredential reads.
"""

from collections.abc import Callable
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcloud.principals import Principals
from localcloud.tokens import Application, Tokens
from localcloud.wire import AzureError


def routes(
    principals: Principals,
    tokens: Tokens,
    application: Callable[[str], Application | None] = lambda _: None,
) -> list[Route]:
    """application: finds the application of this cloud that a token's resource names."""

    async def token(request: Request) -> Response:
        carrier = principals.carrier_of(request.headers.get("x-identity-header", ""))
        if carrier is None:
            return refusal(401, "X-IDENTITY-HEADER is missing or is no identity of this cloud.")
        if request.query_params.get("api-version") not in ("2019-08-01", "2020-06-01"):
            return refusal(400, "api-version must be 2019-08-01.")
        resource = request.query_params.get("resource", "")
        if not resource:
            return refusal(400, "resource is missing: name the audience of the token.")
        try:
            principal = principals.chosen(carrier, request.query_params)
        except AzureError as error:
            return refusal(error.status, error.message)
        access_token, expires_on = tokens.issue(principal, resource, application=application(resource))
        return JSONResponse(
            {
                "access_token": access_token,
                "expires_on": str(expires_on),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": principal.client_id,
            }
        )

    return [Route("/msi/token", token)]


def refusal(status: int, message: str) -> Response:
    return JSONResponse({"statusCode": status, "message": message, "correlationId": str(uuid4())}, status)
