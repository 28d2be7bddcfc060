"""Log Analytics workspaces, Application Insights components, and diagnostic settings. Nothing is logged.

Sources: "Workspaces - Create Or Update" (operationalinsights); "Components - Create Or Update" and
"Diagnostic Settings - Create Or Update" (azure monitor); "Migrate to workspace-based Application Insights
resources"; "Connection strings in Application Insights".
"""

from localcloud.home import SUBSCRIPTION
from localcloud.providers.kinds import Kind, Name, Sent, no_properties
from localcloud.regions import region_of
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import AzureError

WORKSPACE = "Microsoft.OperationalInsights/workspaces"
COMPONENT = "Microsoft.Insights/components"
SETTING = "Microsoft.Insights/diagnosticSettings"
DESTINATIONS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")


def of_workspace(cloud: Cloud, document: Document) -> Document:
    given = document["properties"]
    return {
        "customerId": cloud.inventory.guid(document["id"], "customerId"),
        "provisioningState": "Succeeded",
        "sku": {"name": "PerGB2018", **given.get("sku", {})},
        "retentionInDays": given.get("retentionInDays", 30),
        "publicNetworkAccessForIngestion": given.get("publicNetworkAccessForIngestion", "Enabled"),
        "publicNetworkAccessForQuery": given.get("publicNetworkAccessForQuery", "Enabled"),
        "workspaceCapping": given.get("workspaceCapping", {"dailyQuotaGb": -1.0}),
    }


def of_component(cloud: Cloud, document: Document) -> Document:
    key, app = (cloud.inventory.guid(document["id"], each) for each in ("InstrumentationKey", "AppId"))
    place = f"{region_of(document['location'])}.applicationinsights.{cloud.home.suffix}"
    connection = (
        f"InstrumentationKey={key};IngestionEndpoint=https://{place}/;LiveEndpoint=https://live.{place}/;"
        f"ApplicationId={app}"
    )
    return {
        "AppId": app,
        "ApplicationId": document["name"],
        "ConnectionString": connection,
        "Flow_Type": "Bluefield",
        "IngestionMode": "LogAnalytics",
        "InstrumentationKey": key,
        "Name": document["name"],
        "TenantId": SUBSCRIPTION,
        "Ver": "v2",
        "provisioningState": "Succeeded",
    }


def check_setting(_: Cloud, sent: Sent) -> None:
    """Raise AzureError 400 for a setting without a destination, or without anything to send there."""
    given = sent.properties
    if not any(given.get(each) for each in DESTINATIONS):
        message = (
            "At least one data sink needs to be specified: a log workspace, a storage account, an event hub"
            f" or a partner. The diagnostic setting '{sent.name}' has none of {', '.join(DESTINATIONS)}."
        )
        raise AzureError(400, "BadRequest", message)
    for log in given.get("logs") or []:
        if bool(log.get("category")) == bool(log.get("categoryGroup")):
            message = f"Each log of '{sent.name}' has either a category or a categoryGroup, not both."
            raise AzureError(400, "BadRequest", message, target="properties.logs")


KINDS = (
    Kind(
        WORKSPACE,
        ("2015-11-01", "2026-03-01"),
        Name(r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]", "has 4 to 63 letters, digits and inner hyphens"),
        choices={
            "properties.sku.name": (
                *("Free", "Standard", "Premium", "PerNode", "PerGB2018", "Standalone"),
                *("CapacityReservation", "LACluster"),
            ),
            "properties.publicNetworkAccessForIngestion": ("Enabled", "Disabled", "SecuredByPerimeter"),
            "properties.publicNetworkAccessForQuery": ("Enabled", "Disabled", "SecuredByPerimeter"),
        },
        ranges={"properties.retentionInDays": (4, 730)},
        read_only=("properties.customerId", "properties.createdDate", "properties.modifiedDate"),
        code="InvalidParameter",
        computed=of_workspace,
    ),
    Kind(
        COMPONENT,
        ("2015-05-01", "2020-02-02"),
        Name(
            r"[\w.()-]{0,254}[\w()-]", "has 1 to 255 letters, digits, _ . ( ) and -, and no period at its end"
        ),
        required=("kind", "properties", "properties.Application_Type", "properties.WorkspaceResourceId"),
        choices={"properties.Application_Type": ("web", "other")},
        refers={"properties.WorkspaceResourceId": WORKSPACE},
        read_only=("properties.InstrumentationKey", "properties.ConnectionString", "properties.AppId"),
        computed=of_component,
        created=200,
    ),
    Kind(
        SETTING,
        ("2016-09-01", "2021-05-01"),
        Name(r"[^*<>%&:\\?+/]{1,260}", r"has 1 to 260 characters, without * < > % & : \ ? + and /"),
        located=False,
        choices={"properties.logAnalyticsDestinationType": ("Dedicated", "AzureDiagnostics")},
        refers={
            "properties.workspaceId": WORKSPACE,
            "properties.storageAccountId": "Microsoft.Storage/storageAccounts",
        },
        required=("properties", "properties.logs.enabled"),
        computed=no_properties,
        check=check_setting,
        created=200,
        extends=True,
    ),
)
