"""Azure Resource Manager's own part: the cloud's metadata, subscriptions and resource groups.

The cloud has a name of its own: a known one would be taken for the public cloud, whatever its endpoints.
The metadata document is what azure-ai-ml reads through ARM_CLOUD_METADATA_URL to learn a cloud's
endpoints. Source: azure-ai-ml 1.35 `_azure_environments.py`; "Subscriptions - Get"; "Resource Groups - Get".
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.home import LOOPBACK, REGION, RESOURCE_GROUP, SUBSCRIPTION, TENANT
from localcloud.service import Cloud, Service
from localcloud.wire import ArmRoute, AzureError, api_version


def known_scope(request: Request) -> None:
    """Raises AzureError 404 when the path names a subscription or resource group that is not this cloud's."""
    subscription = request.path_params.get("subscription", SUBSCRIPTION)
    if subscription.lower() != SUBSCRIPTION:
        raise AzureError(
            404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found."
        )
    group = request.path_params.get("group", RESOURCE_GROUP)
    if group.lower() != RESOURCE_GROUP:
        raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def service(cloud: Cloud) -> Service:
    group_id = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"

    async def metadata(_: Request) -> Response:
        return JSONResponse(
            [
                {
                    "name": "localcloud",
                    "portal": "https://portal.azure.com/",
                    "resourceManager": cloud.home.resource_manager,
                    "authentication": {
                        "loginEndpoint": "https://login.microsoftonline.com/",
                        "audiences": [cloud.home.resource_manager],
                        "tenant": "common",
                    },
                    "suffixes": {"storage": f"{LOOPBACK}:{cloud.home.ports.blob}"},
                }
            ]
        )

    async def subscription(request: Request) -> Response:
        cloud.arm_caller(request)
        api_version(request)
        known_scope(request)
        return JSONResponse(
            {
                "id": f"/subscriptions/{SUBSCRIPTION}",
                "subscriptionId": SUBSCRIPTION,
                "tenantId": TENANT,
                "displayName": "localcloud",
                "state": "Enabled",
            }
        )

    async def group(request: Request) -> Response:
        cloud.arm_caller(request)
        api_version(request)
        known_scope(request)
        return JSONResponse(
            {
                "id": group_id,
                "name": RESOURCE_GROUP,
                "type": "Microsoft.Resources/resourceGroups",
                "location": REGION,
                "properties": {"provisioningState": "Succeeded"},
            }
        )

    routes: list[BaseRoute] = [
        ArmRoute("GET", "/metadata/endpoints", metadata),
        ArmRoute("GET", "/subscriptions/{subscription}", subscription),
        ArmRoute("GET", "/subscriptions/{subscription}/resourceGroups/{group}", group),
    ]
    return Service("arm", routes)
