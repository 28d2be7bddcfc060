"""Vaults in soft delete: a deleted vault keeps its name until someone purges it.

Sources: "Vaults - List Deleted", "Get Deleted", "Purge Deleted" of the Key Vault management API; "Azure Key
Vault soft-delete overview". Recovering a vault answers 501, and time does not purge one here.
"""

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import opened
from localcloud.home import SUBSCRIPTION
from localcloud.regions import region_of
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, timestamp

KIND = "keyvault.deleted"
PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
ONE = f"{PROVIDER}/locations/{{location}}/deletedVaults/{{name}}"
TAKEN = (
    "A vault with the same name already exists in deleted state. You need to either recover or purge existing"
    " key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on"
    " soft delete."
)
RETENTION_DAYS = 90


async def keep(cloud: Cloud, vault: Document) -> None:
    """Keep what Azure tells of a vault that is being deleted."""
    location, given, now = region_of(vault["location"]), vault["properties"], datetime.now(UTC)
    retention = timedelta(days=given.get("softDeleteRetentionInDays", RETENTION_DAYS))
    properties = {
        "vaultId": vault["id"],
        "location": location,
        "tags": vault.get("tags") or {},
        "deletionDate": timestamp(now),
        "scheduledPurgeDate": timestamp(now + retention),
        "purgeProtectionEnabled": given.get("enablePurgeProtection") is True,
    }
    above = PROVIDER.format(subscription=SUBSCRIPTION)
    body = {
        "id": f"{above}/locations/{location}/deletedVaults/{vault['name']}",
        "name": vault["name"],
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": properties,
    }
    cloud.store.put(KIND, str(vault["name"]).lower(), body)


def refuse_name(cloud: Cloud, name: str) -> None:
    """Raise AzureError 409 for the name of a vault in soft delete."""
    if cloud.store.get(KIND, name.lower()) is not None:
        raise AzureError(409, "ConflictError", TAKEN)


def routes(cloud: Cloud) -> list[BaseRoute]:
    def found(request: Request) -> Document:
        name, location = request.path_params["name"], region_of(request.path_params["location"])
        vault = cloud.store.get(KIND, name.lower())
        if vault is None or vault["properties"]["location"] != location:
            message = f"The specified deleted vault '{name}' does not exist."
            raise AzureError(404, "DeletedVaultNotFound", message)
        return vault

    async def every(_: Request) -> Response:
        return JSONResponse({"value": [body for _, body in cloud.store.list(KIND)]})

    async def get(request: Request) -> Response:
        return JSONResponse(found(request))

    async def purge(request: Request) -> Response:
        vault = found(request)
        if vault["properties"]["purgeProtectionEnabled"]:
            raise AzureError(405, "MethodNotAllowed", "Operation 'DeletedVaultPurge' is not allowed.")
        cloud.store.delete(KIND, str(vault["name"]).lower())
        return Response(status_code=200)

    return [
        ArmRoute("GET", f"{PROVIDER}/deletedVaults", opened(cloud, every)),
        ArmRoute("GET", ONE, opened(cloud, get)),
        ArmRoute("POST", f"{ONE}/purge", opened(cloud, purge)),
    ]
