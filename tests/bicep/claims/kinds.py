"""Claims about what a service is: its identity, its kind, and values whose list Azure's types leave open."""

from collections.abc import Iterator

from tests.bicep.deployed import Deployed, differences

IDENTITIES = {
    "Microsoft.Batch/batchAccounts": "training",
    "Microsoft.Batch/batchAccounts/pools": "training",
    "Microsoft.DataFactory/factories": "training",
    "Microsoft.EventGrid/systemTopics": "events",
    "Microsoft.MachineLearningServices/workspaces": "workspace",
    "Microsoft.MachineLearningServices/workspaces/computes": "scoring",
    "Microsoft.Web/sites": "app",
}
"""By type of resource, the identity that it has."""
KINDS = {"Microsoft.Storage/storageAccounts": "StorageV2", "Microsoft.Web/sites": "functionapp,linux"}


def each_component_has_the_identity_that_gets_its_roles(deployed: Deployed) -> Iterator[str]:
    for each in deployed.resources:
        name = IDENTITIES.get(each["type"])
        wanted = {
            "type": "UserAssigned",
            "userAssignedIdentities": {
                f"Microsoft.ManagedIdentity/userAssignedIdentities/id-{name}-": {},
            },
        }
        found = deployed.plain(each.get("identity"))
        yield from differences(f"identity of {each['name']}", found, wanted if name else None)


def resources_are_of_their_kind(deployed: Deployed) -> Iterator[str]:
    for each in deployed.resources:
        if each["type"] in KINDS and each.get("kind") != KINDS[each["type"]]:
            yield f"{each['name']} is of the kind {each.get('kind')}"


def the_app_has_the_site_properties_of_flex_consumption(deployed: Deployed) -> Iterator[str]:
    """Some regions refuse an app with ftpsState: github.com/microsoft/azure-pipelines-tasks/issues/21032."""
    for each in deployed.of("Microsoft.Web/sites"):
        given = each["properties"]["siteConfig"]
        yield from differences("site properties", sorted(given), ["appSettings", "minTlsVersion"])
        yield from differences("minTlsVersion", given.get("minTlsVersion"), "1.2")


def runs_publish_events_in_the_schema_of_event_grid(deployed: Deployed) -> Iterator[str]:
    for each in deployed.of("Microsoft.EventGrid/topics"):
        yield from differences("inputSchema", each["properties"].get("inputSchema"), "EventGridSchema")


def the_cluster_takes_no_logins(deployed: Deployed) -> Iterator[str]:
    for each in deployed.of("Microsoft.MachineLearningServices/workspaces/computes"):
        given = each["properties"]["properties"]
        yield from differences("osType", given.get("osType"), "Linux")
        yield from differences("login", given.get("remoteLoginPortPublicAccess"), "Disabled")


CLAIMS = [
    each_component_has_the_identity_that_gets_its_roles,
    resources_are_of_their_kind,
    the_app_has_the_site_properties_of_flex_consumption,
    runs_publish_events_in_the_schema_of_event_grid,
    the_cluster_takes_no_logins,
]
