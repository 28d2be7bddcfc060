"""What a vault answers to clients: its secrets, to those whose role allows it.

Sources: "Get Secret" of the Key Vault REST API, 7.x; "Authentication, requests, and responses" (the
challenge); the refusals as the service has answered them to the SDKs' users. azure-keyvault-secrets compares
the resource of the challenge with the vault's host.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Host, Route, Router

from localcloud.access.calls import Call
from localcloud.access.decisions import Refused
from localcloud.home import TENANT
from localcloud.keyvault.secrets import attributes, uri, versions
from localcloud.keyvault.vaults import VAULT
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.tokens import Caller, TokenError
from localcloud.wire import AzureError, not_imitated

OPERATION = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
VERSIONS = ("7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01")
ABSENT = (
    "A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you"
    " may be able to recover it using the correct recovery command. For help resolving this issue, please see"
    " https://go.microsoft.com/fwlink/?linkid=2125182"
)


def route(cloud: Cloud) -> BaseRoute:
    """The route of all vaults: `https://<vault>.vault.<suffix>`."""

    async def get(request: Request) -> Response:
        caller = authenticated(cloud, request)
        if request.query_params.get("api-version") not in VERSIONS:
            message = f"AKV10014: The api-version is missing or unknown: use one of {', '.join(VERSIONS)}."
            raise AzureError(400, "BadParameter", message)
        vault = vault_of(cloud, request.path_params["vault"])
        name, wanted = request.path_params["name"], request.path_params.get("version")
        id_ = f"{vault['id']}/secrets/{name}"
        check_role(cloud, caller, vault, id_)
        known = versions(cloud.inventory, id_) if cloud.inventory.get(id_) else []
        found = next((each for each in reversed(known) if wanted in (None, each["version"])), None)
        if found is None:
            absent = f"{name}/{wanted}" if wanted else name
            raise AzureError(404, "SecretNotFound", ABSENT.format(name=absent))
        return JSONResponse(secret_body(cloud, id_, found))

    async def anything_else(request: Request) -> Response:
        authenticated(cloud, request)
        raise not_imitated(f"other requests to vaults than for a secret: {request.method} {request.url.path}")

    inside = [
        Route("/secrets/{name}", get, methods=["GET"]),
        Route("/secrets/{name}/", get, methods=["GET"]),
        Route("/secrets/{name}/{version}", get, methods=["GET"]),
        Route("/{path:path}", anything_else, methods=["GET", "PUT", "PATCH", "POST", "DELETE"]),
    ]
    return Host(f"{{vault}}.vault.{cloud.home.suffix}", Router(inside))


def authenticated(cloud: Cloud, request: Request) -> Caller:
    """Who calls. Raises AzureError 401, with the challenge that tells clients whose token to bring."""
    resource = f"https://vault.{cloud.home.suffix}"
    challenge = f'Bearer authorization="{cloud.home.login_url}{TENANT}", resource="{resource}"'
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        message = "AKV10000: Request is missing a Bearer or PoP token."
        raise AzureError(401, "Unauthorized", message, headers={"WWW-Authenticate": challenge})
    try:
        return cloud.tokens.check(token, [resource, "https://vault.azure.net"])
    except TokenError as error:
        message = f"AKV10022: {error}"
        raise AzureError(401, "Unauthorized", message, headers={"WWW-Authenticate": challenge}) from None


def vault_of(cloud: Cloud, name: str) -> Document:
    """The vault of a host. Raises AzureError 404; in Azure the host itself would be unknown."""
    for each in cloud.inventory.all(VAULT):
        if each["name"].lower() == name.lower():
            return each
    raise AzureError(404, "VaultNotFound", f"There is no vault '{name}'.")


def check_role(cloud: Cloud, caller: Caller, vault: Document, id_: str) -> None:
    """Raise AzureError 403 unless a role of the caller allows it to read the secret."""
    decided = cloud.access.decide(Call(caller.object_id, OPERATION, id_, is_data=True))
    if isinstance(decided, Refused):
        message = (
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments"
            " or role definitions were changed recently, please observe propagation time.\r\n"
            f"Caller: appid={caller.client_id};oid={caller.object_id}\r\nAction: '{OPERATION}'\r\n"
            f"Resource: '{id_.lower()}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\n"
            f"DecisionReason: null \r\nVault: {vault['name']};location={vault['location']}\r\n"
        )
        raise AzureError(403, "Forbidden", message)


def secret_body(cloud: Cloud, id_: str, version: Document) -> Document:
    """A version of a secret as its vault returns it. Raises AzureError 403 for one that is disabled."""
    if not version["enabled"]:
        raise AzureError(403, "Forbidden", "Operation get is not allowed on a disabled secret.")
    content = {"contentType": version["contentType"]} if version["contentType"] else {}
    return {
        "value": version["value"],
        **content,
        "id": f"{uri(cloud, id_)}/{version['version']}",
        "attributes": attributes(version) | {"recoveryLevel": "Recoverable+Purgeable"},
    }
