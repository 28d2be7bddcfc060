"""The subscription and the tenant as clients find them when they sign in, and what can be made there.

Sources: "Subscriptions - List", "Tenants - List" and "Subscriptions - List Locations" of 2022-12-01,
"Providers - List" of 2024-11-01; azure-cli 2.91 asks for all of them.
"""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.arm import known_subscription
from localcloud.home import REGION, SUBSCRIPTION, TENANT
from localcloud.rights import SIGNED_IN
from localcloud.service import Cloud, Service
from localcloud.store import Document
from localcloud.wire import ArmRoute, AzureError, Handler, api_version

NAME = "localcloud"
LOCATIONS = {
    REGION: "localcloud",
    "eastus": "East US",
    "northeurope": "North Europe",
    "swedencentral": "Sweden Central",
    "westeurope": "West Europe",
    "westus2": "West US 2",
}
"""Locations by name, with the name for people. They are examples: a resource may name any."""
VERSIONS = {
    "Microsoft.Authorization": "2022-04-01",
    "Microsoft.Batch": "2025-06-01",
    "Microsoft.ContainerRegistry": "2025-04-01",
    "Microsoft.DataFactory": "2018-06-01",
    "Microsoft.EventGrid": "2025-02-15",
    "Microsoft.Insights": "2023-01-01",
    "Microsoft.KeyVault": "2025-05-01",
    "Microsoft.MachineLearningServices": "2026-03-01",
    "Microsoft.ManagedIdentity": "2024-11-30",
    "Microsoft.OperationalInsights": "2025-07-01",
    "Microsoft.Resources": "2025-04-01",
    "Microsoft.Storage": "2025-08-01",
    "Microsoft.Web": "2025-03-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/metricAlerts": "2026-01-01",
    "Microsoft.Insights/scheduledQueryRules": "2026-03-01",
    "Microsoft.Insights/workbooks": "2023-06-01",
}
"""The newest api-version of a namespace, and of types that have another."""
NEWEST = "2025-04-01"


def service(cloud: Cloud) -> Service:
    def asked(handler: Handler) -> Handler:
        """Wrap `handler` so that it requires a token and an api-version, where a path names no scope."""

        async def checked(request: Request) -> Response:
            cloud.arm_caller(request)
            api_version(request)
            known_subscription(request)
            return await handler(request)

        return checked

    async def subscription(_: Request) -> Response:
        return JSONResponse(subscription_body())

    async def subscriptions(_: Request) -> Response:
        count = {"type": "Total", "value": 1}
        return JSONResponse({"value": [subscription_body()], "count": count})

    async def tenants(_: Request) -> Response:
        return JSONResponse({"value": [tenant_body(cloud)]})

    async def locations(_: Request) -> Response:
        return JSONResponse({"value": [location_body(name) for name in LOCATIONS]})

    async def providers(request: Request) -> Response:
        return JSONResponse({"value": [provider_body(*each) for each in types_of(request).items()]})

    async def provider(request: Request) -> Response:
        wanted = request.path_params["namespace"]
        for namespace, types in types_of(request).items():
            if namespace.lower() == wanted.lower():
                return JSONResponse(provider_body(namespace, types))
        message = f"The resource namespace '{wanted}' is invalid."
        raise AzureError(404, "InvalidResourceNamespace", message)

    one = "/subscriptions/{subscription}"
    routes: list[BaseRoute] = [
        ArmRoute("GET", "/subscriptions", asked(subscriptions), SIGNED_IN),
        ArmRoute("GET", one, asked(subscription)),
        ArmRoute("GET", f"{one}/locations", asked(locations)),
        ArmRoute("GET", "/tenants", asked(tenants), SIGNED_IN),
        ArmRoute("GET", "/providers", asked(providers), SIGNED_IN),
        ArmRoute("GET", f"{one}/providers", asked(providers)),
        ArmRoute("GET", f"{one}/providers/{{namespace}}", asked(provider)),
        ArmRoute("POST", f"{one}/providers/{{namespace}}/register", asked(provider)),
    ]
    return Service("subscriptions", routes)


def subscription_body() -> Document:
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}",
        "subscriptionId": SUBSCRIPTION,
        "tenantId": TENANT,
        "displayName": NAME,
        "state": "Enabled",
        "subscriptionPolicies": {"spendingLimit": "Off"},
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }


def tenant_body(cloud: Cloud) -> Document:
    domain = cloud.home.suffix
    return {
        "id": f"/tenants/{TENANT}",
        "tenantId": TENANT,
        "displayName": NAME,
        "defaultDomain": domain,
        "domains": [domain],
        "tenantCategory": "Home",
    }


def location_body(name: str) -> Document:
    shown = LOCATIONS[name]
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}/locations/{name}",
        "name": name,
        "type": "Region",
        "displayName": shown,
        "regionalDisplayName": shown,
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
    }


def types_of(request: Request) -> dict[str, list[str]]:
    """The resource types that can be made here, by namespace: those for which Resource Manager has a PUT."""
    routes: Iterable[BaseRoute] = request.app.routes
    found: dict[str, set[str]] = {}
    for route in routes:
        if isinstance(route, ArmRoute) and route.method == "PUT" and "/providers/" in route.path:
            namespace, *segments = route.path.rpartition("/providers/")[2].split("/")
            types = segments[::2]
            found.setdefault(namespace, set()).update(
                "/".join(types[: count + 1]) for count in range(len(types))
            )
    return {namespace: sorted(found[namespace]) for namespace in sorted(found)}


def provider_body(namespace: str, types: list[str]) -> Document:
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": "Registered",
        "resourceTypes": [
            {
                "resourceType": each,
                "locations": [*LOCATIONS.values()],
                "apiVersions": [
                    VERSIONS.get(f"{namespace}/{each}") or VERSIONS.get(namespace, NEWEST),
                ],
            }
            for each in types
        ],
    }
