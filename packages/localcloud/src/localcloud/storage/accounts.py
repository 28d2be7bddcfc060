"""Storage accounts, their services, containers and rules, as Resource Manager shows them.

Sources: "Storage Accounts - Create", "Blob Services - Set Service Properties", "Blob Containers - Create",
"Management Policies - Create Or Update" of the storage resource provider; "Storage account overview" (names).
"""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import opened
from localcloud.providers import checks, resources
from localcloud.providers.kinds import Kind, Name, Sent
from localcloud.regions import region_of
from localcloud.service import Cloud, Service
from localcloud.storage import containers, keys, publishing, rules
from localcloud.storage.publishing import TYPE
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, json_body, not_imitated

NAME = re.compile(r"[a-z0-9]{3,24}")
INVALID_NAME = (
    "{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in"
    " length and use numbers and lower-case letters only."
)
TAKEN = "The storage account named {name} is already taken."
SKUS = (
    *("Standard_LRS", "Standard_GRS", "Standard_RAGRS", "Standard_ZRS", "Standard_GZRS", "Standard_RAGZRS"),
    *("Premium_LRS", "Premium_ZRS", "PremiumV2_LRS", "PremiumV2_ZRS"),
    *("StandardV2_LRS", "StandardV2_GRS", "StandardV2_ZRS", "StandardV2_GZRS"),
)
ONE = resources.collection(Kind(TYPE, ("", ""), Name("", ""))) + "/{name}"


def check(cloud: Cloud, sent: Sent) -> None:
    """Raise AzureError 409 for a name that is taken, 501 for a file system."""
    same = [each for each in cloud.inventory.all(TYPE) if each["name"] == sent.name]
    if same and same[0]["id"].lower() != sent.id.lower():
        raise AzureError(409, "StorageAccountAlreadyTaken", TAKEN.format(name=sent.name))
    if sent.properties.get("isHnsEnabled"):
        raise not_imitated("hierarchical namespace (ADLS Gen2)")


def computed(cloud: Cloud, document: Document) -> Document:
    """What Azure adds to an account: where it is, and the defaults of what was left out."""
    given, name = document["properties"], document["name"]
    return {
        "provisioningState": "Succeeded",
        "primaryEndpoints": {
            "blob": f"{cloud.home.storage_url(name, 'blob')}/",
            "queue": f"{cloud.home.storage_url(name, 'queue')}/",
            "table": f"{cloud.home.storage_url(name, 'table')}/",
        },
        "primaryLocation": region_of(document["location"]),
        "statusOfPrimary": "available",
        "accessTier": given.get("accessTier", "Hot"),
        "supportsHttpsTrafficOnly": given.get("supportsHttpsTrafficOnly", True),
        "minimumTlsVersion": given.get("minimumTlsVersion", "TLS1_0"),
        "encryption": given.get("encryption", {"keySource": "Microsoft.Storage"}),
        "networkAcls": given.get("networkAcls", {"bypass": "AzureServices", "defaultAction": "Allow"}),
    }


KIND = Kind(
    TYPE,
    ("2019-06-01", "2026-04-01"),
    Name(NAME.pattern, "", "AccountNameInvalid", INVALID_NAME),
    required=("sku", "sku.name", "kind"),
    choices={
        "sku.name": SKUS,
        "kind": ("Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage"),
        "properties.accessTier": ("Hot", "Cool", "Premium", "Cold"),
        "properties.minimumTlsVersion": ("TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"),
        "properties.publicNetworkAccess": ("Enabled", "Disabled", "SecuredByPerimeter"),
    },
    fixed={"kind": None, "properties.isHnsEnabled": False},
    read_only=("properties.primaryEndpoints", "properties.creationTime", "properties.primaryLocation"),
    code="InvalidRequestPropertyValue",
    computed=computed,
    check=check,
    going=containers.delete_all,
    created=200,
)


def service(cloud: Cloud) -> Service:
    kinds = (KIND, containers.SERVICE, containers.KIND, rules.KIND)
    routes = [route for kind in kinds for route in resources.routes(cloud, kind)]

    def changed(type_: str) -> None:
        if type_ == TYPE:
            publishing.publish(cloud.home, cloud.tokens, cloud.access, cloud.inventory)

    cloud.inventory.watch(changed)
    return Service("storage", [*own_routes(cloud), *routes])


def own_routes(cloud: Cloud) -> list[BaseRoute]:
    """The routes that only accounts have: their keys, free names, and a blob service that was not PUT."""
    inventory = cloud.inventory

    def account(request: Request, action: str) -> Document:
        id_ = resources.id_of(request).removesuffix(action)
        found = inventory.get(id_)
        if found is None:
            raise checks.missing(inventory, id_)
        return found

    async def list_keys(request: Request) -> Response:
        return JSONResponse(keys.body(inventory, account(request, "/listKeys")))

    async def regenerate_key(request: Request) -> Response:
        found = account(request, "/regenerateKey")
        name = (await json_body(request)).get("keyName")
        if name not in keys.NAMES:
            message = (
                f"Values for request parameters are invalid: keyName. It is one of {', '.join(keys.NAMES)}."
            )
            raise AzureError(400, "InvalidValuesForRequestParameters", message)
        keys.regenerate(inventory, found, name)
        publishing.publish(cloud.home, cloud.tokens, cloud.access, inventory)
        return JSONResponse(keys.body(inventory, found))

    async def check_name(request: Request) -> Response:
        name = str((await json_body(request)).get("name"))
        reason = message = ""
        if not NAME.fullmatch(name):
            reason, message = "AccountNameInvalid", INVALID_NAME.format(name=name)
        elif name in [each["name"] for each in inventory.all(TYPE)]:
            reason, message = "AlreadyExists", TAKEN.format(name=name)
        refusal = {"reason": reason, "message": message} if reason else {}
        return JSONResponse({"nameAvailable": not reason, **refusal})

    async def get_blob_service(request: Request) -> Response:
        id_ = resources.id_of(request)
        found = inventory.get(id_) or {
            "id": f"{account(request, '/blobServices/default')['id']}/blobServices/default",
            "name": "default",
            "type": containers.SERVICE.type,
            "properties": {},
        }
        return JSONResponse(resources.body(cloud, containers.SERVICE, found))

    free = f"/subscriptions/{{subscription}}/providers/{TYPE.split('/')[0]}/checkNameAvailability"
    return [
        ArmRoute("POST", f"{ONE}/listKeys", opened(cloud, list_keys)),
        ArmRoute("POST", f"{ONE}/regenerateKey", opened(cloud, regenerate_key)),
        ArmRoute("POST", free, opened(cloud, check_name)),
        ArmRoute("GET", f"{ONE}/blobServices/default", opened(cloud, get_blob_service)),
    ]
