"""Topics and system topics as rows: a custom topic has an endpoint, a system topic a source.

Sources: "Topics - Create Or Update" and "System Topics - Create Or Update" of the Event Grid REST API;
"System topics in Azure Event Grid" (one for each source).
"""

from localcloud.inventory import SYSTEM_TOPIC, TOPIC
from localcloud.providers.checks import missing, type_of
from localcloud.providers.kinds import Kind, Name, Sent
from localcloud.regions import region_of
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import AzureError, not_imitated

STORAGE = "Microsoft.Storage/storageAccounts"
SOURCE_TYPE = "Microsoft.Storage.StorageAccounts"
SCHEMA = "EventGridSchema"
TLS = ("1.0", "1.1", "1.2", "1.3")


def check_topic(_: Cloud, sent: Sent) -> None:
    """Raise AzureError 501 for another input schema."""
    schema = sent.properties.get("inputSchema", SCHEMA)
    if schema != SCHEMA:
        raise not_imitated(f"inputSchema {schema!r}: {SCHEMA} only")


def of_topic(cloud: Cloud, document: Document) -> Document:
    given = document["properties"]
    return {
        "endpoint": cloud.home.topic_endpoint(document["name"], region_of(document["location"])),
        "inputSchema": SCHEMA,
        "disableLocalAuth": given.get("disableLocalAuth", False),
        "publicNetworkAccess": given.get("publicNetworkAccess", "Enabled"),
        "metricResourceId": cloud.inventory.guid(document["id"], "metricResourceId"),
        "provisioningState": "Succeeded",
    }


def check_system_topic(cloud: Cloud, sent: Sent) -> None:
    """Raise AzureError for a source that does not exist, that has a system topic, or that is no account."""
    source, given = str(sent.properties["source"]), sent.properties.get("topicType", SOURCE_TYPE)
    if type_of(source).lower() != STORAGE.lower() or str(given).lower() != SOURCE_TYPE.lower():
        raise not_imitated(f"system topics of {source!r}: of a storage account only")
    if cloud.inventory.get(source) is None:
        raise missing(cloud.inventory, source)
    for each in cloud.inventory.all(SYSTEM_TOPIC):
        same = each["properties"]["source"].lower() == source.lower()
        if same and each["id"].lower() != sent.id.lower():
            message = (
                f"Only one system topic is allowed per source, and '{each['name']}' is that of {source}."
                " Use it, or delete it first."
            )
            raise AzureError(400, "InvalidRequest", message)


def of_system_topic(cloud: Cloud, document: Document) -> Document:
    return {
        "topicType": SOURCE_TYPE,
        "metricResourceId": cloud.inventory.guid(document["id"], "metricResourceId"),
        "provisioningState": "Succeeded",
    }


CUSTOM = Kind(
    TOPIC,
    ("2018-01-01", "2025-07-15"),
    Name(r"[A-Za-z0-9-]{3,50}", "has 3 to 50 letters, digits and hyphens"),
    choices={
        "properties.publicNetworkAccess": ("Enabled", "Disabled", "SecuredByPerimeter"),
        "properties.minimumTlsVersionAllowed": TLS,
    },
    fixed={"properties.inputSchema": SCHEMA},
    read_only=("properties.endpoint", "properties.metricResourceId", "properties.provisioningState"),
    code="InvalidRequest",
    computed=of_topic,
    check=check_topic,
)
SYSTEM = Kind(
    SYSTEM_TOPIC,
    ("2021-06-01", "2025-07-15"),
    Name(r"[A-Za-z0-9-]{3,128}", "has 3 to 128 letters, digits and hyphens"),
    required=("properties", "properties.source"),
    fixed={"properties.source": None, "properties.topicType": SOURCE_TYPE},
    read_only=("properties.metricResourceId", "properties.provisioningState"),
    code="InvalidRequest",
    computed=of_system_topic,
    check=check_system_topic,
)
