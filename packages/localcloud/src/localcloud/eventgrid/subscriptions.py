"""Event subscriptions: who gets which events, and how hard Event Grid tries.

A subscription belongs to a custom topic, or to a system topic, whose source is the storage account. Source:
"Event Subscriptions - Create Or Update"; Bicep types Microsoft.EventGrid/topics/eventSubscriptions and
systemTopics/eventSubscriptions.
"""

import re
from dataclasses import dataclass
from typing import Any, cast

from localcloud.eventgrid.events import SCHEMAS, Schema
from localcloud.eventgrid.filters import Filter
from localcloud.inventory import SYSTEM_TOPIC, TOPIC, Inventory
from localcloud.wire import AzureError, not_imitated

ENDPOINT = re.compile(r"https?://[^/\s]+")
NAME = re.compile(r"[A-Za-z0-9-]{3,64}")
FUNCTION = re.compile(r"(?P<site>/subscriptions/.+)/functions/(?P<name>[^/]+)", re.IGNORECASE)
KNOWN = {
    *("destination", "filter", "retryPolicy", "eventDeliverySchema"),
    *("deadLetterDestination", "deadLetterWithResourceIdentity"),
}
DESTINATION = {"endpointUrl", "resourceId", "maxEventsPerBatch", "preferredBatchSizeInKilobytes"}
TYPES = (f"{TOPIC}/eventSubscriptions", f"{SYSTEM_TOPIC}/eventSubscriptions")

OWN = "SystemAssigned"
"""The type of the identity that a topic has of its own."""


@dataclass(frozen=True)
class DeadLetterPlace:
    """A container for dead letters.

    storage: the resource id of its account. topic: that of the topic to which the subscription belongs.
    identity: that of the user-assigned identity of the topic with which Event Grid writes there, or OWN for
    the topic's own.
    """

    storage: str
    container: str
    topic: str
    identity: str

    @property
    def account(self) -> str:
        """The name of the account."""
        return self.storage.rpartition("/")[2]

    @property
    def writer(self) -> str:
        """Who writes there, and with which role. Source: "Event delivery with a managed identity"."""
        return f"{self.identity} (role Storage Blob Data Contributor)"


@dataclass(frozen=True)
class Subscription:
    """One event subscription.

    topic: the resource id whose events it gets: a custom topic's, or the storage account's. Exactly one
    destination: function_name is a function of the app, endpoint_url any webhook. ttl in seconds; batch_bytes
    is a target for the size of a batch. dead_letters: where what cannot be delivered goes; None drops it.
    """

    name: str
    topic: str
    filter: Filter
    function_name: str | None = None
    endpoint_url: str | None = None
    schema: Schema = "EventGridSchema"
    max_attempts: int = 30
    ttl: float = 1440 * 60
    max_batch: int = 1
    batch_bytes: int = 64 * 1024
    dead_letters: DeadLetterPlace | None = None

    @classmethod
    def parse(cls, name: str, topic: str, properties: dict[str, Any], owner: str = "") -> "Subscription":
        """The subscription that `properties`, those of its resource, define.

        topic: whose events it gets. owner: the topic to which it belongs, where that is a system topic.
        Raises AzureError 400 for what Event Grid refuses, 501 for what localcloud does not imitate.
        """
        if unknown := sorted(properties.keys() - KNOWN):
            raise not_imitated(f"{', '.join(unknown)} of event subscriptions (subscription '{name}')")
        if not NAME.fullmatch(name):
            raise invalid(name, "its name must be 3 to 64 letters, digits and hyphens")
        function, url, batches = _destination(name, properties.get("destination"))
        schema = properties.get("eventDeliverySchema", "EventGridSchema")
        if schema not in SCHEMAS:
            raise not_imitated(
                f"eventDeliverySchema {schema!r} (subscription '{name}'): {' or '.join(SCHEMAS)}"
            )
        retry = properties.get("retryPolicy") or {}
        if not isinstance(retry, dict):
            raise invalid(name, f"retryPolicy must be an object, not {retry!r}")
        try:
            return cls(
                name=name,
                topic=topic,
                filter=Filter.parse(properties.get("filter") or {}),
                function_name=function,
                endpoint_url=url,
                schema=cast(Schema, schema),
                max_attempts=_whole(retry, "maxDeliveryAttempts", 30, 30),
                ttl=_whole(retry, "eventTimeToLiveInMinutes", 1440, 1440) * 60,
                max_batch=_whole(batches, "maxEventsPerBatch", 5000, 1),
                batch_bytes=_whole(batches, "preferredBatchSizeInKilobytes", 1024, 64) * 1024,
                dead_letters=_dead_letters(name, owner or topic, properties),
            )
        except ValueError as error:
            raise invalid(name, str(error)) from None


def load(inventory: Inventory) -> list[Subscription]:
    """The subscriptions that the cloud has been given."""
    return [
        Subscription.parse(each["name"], source(inventory, owner), each["properties"], owner)
        for type_ in TYPES
        for each in inventory.all(type_)
        for owner in [each["id"].rsplit("/", 2)[0]]
    ]


def source(inventory: Inventory, topic: str) -> str:
    """The id that the events of a topic carry: its own, or of a system topic its source's.

    Raises AzureError 404 when there is no such topic.
    """
    found = inventory.get(topic)
    if found is None:
        raise AzureError(404, "ResourceNotFound", f"The topic '{topic}' was not found.")
    return str(found["properties"].get("source") or found["id"])


def check_function(inventory: Inventory, name: str, properties: dict[str, Any]) -> None:
    """Raises AzureError 400 when the destination is a function that is not listed, or has another trigger.

    Code and sentences are those of pulumi/examples#1672 and Azure/bicep#11656.
    """
    destination = properties.get("destination") or {}
    if destination.get("endpointType") != "AzureFunction":
        return
    id_ = str((destination.get("properties") or {}).get("resourceId"))
    found = inventory.get(id_)
    if found is None:
        raise AzureError(
            400,
            "Endpoint validation",
            f"Destination endpoint not found. Resource details: resourceId: {id_}. Resource should pre-exist"
            f" before attempting this operation (event subscription '{name}').",
        )
    bindings = found["properties"].get("config", {}).get("bindings") or []
    if not any(str(each.get("type")).lower() == "eventgridtrigger" for each in bindings):
        raise AzureError(
            400,
            "Unsupported Azure Function Trigger",
            "Can't add resource; Azure Event Grid supports EventGrid Trigger type only"
            f" (event subscription '{name}', function '{found['name']}').",
        )


def invalid(name: str, reason: str) -> AzureError:
    return AzureError(400, "InvalidRequest", f"The event subscription '{name}' is invalid: {reason}.")


def _destination(name: str, sent: Any) -> tuple[str | None, str | None, dict[str, Any]]:
    """(function, URL, the destination's properties); one of the first two is None."""
    if not isinstance(sent, dict) or not isinstance(sent.get("properties"), dict):
        raise invalid(name, "it needs a destination with endpointType and properties")
    properties: dict[str, Any] = sent["properties"]
    if unknown := sorted(properties.keys() - DESTINATION):
        raise not_imitated(f"{', '.join(unknown)} of a destination (subscription '{name}')")
    if sent.get("endpointType") == "WebHook":
        url = str(properties.get("endpointUrl"))
        if not ENDPOINT.match(url):
            raise invalid(name, f"endpointUrl {url!r} must begin with http:// or https:// and a host")
        return None, url, properties
    if sent.get("endpointType") == "AzureFunction":
        found = FUNCTION.fullmatch(str(properties.get("resourceId")))
        if found is None:
            raise invalid(name, "resourceId must be the id of a function")
        return found["name"], None, properties
    raise not_imitated(
        f"destinations of type {sent.get('endpointType')!r} (subscription '{name}'): AzureFunction or WebHook"
    )


def check_dead_letters(inventory: Inventory, subscription: Subscription) -> None:
    """Raises AzureError 400 where there is no such container, or the topic carries no such identity."""
    place = subscription.dead_letters
    if place is None:
        return
    container = f"{place.storage}/blobServices/default/containers/{place.container}"
    if inventory.get(place.storage) is None or inventory.get(container) is None:
        raise invalid(subscription.name, f"the dead-letter container '{container}' does not exist")
    if not carries(inventory, place):
        raise invalid(subscription.name, f"its topic does not carry the identity '{place.identity}'")


def carries(inventory: Inventory, place: DeadLetterPlace) -> bool:
    """Whether the topic of a place carries the identity that the place names."""
    identity = (inventory.get(place.topic) or {}).get("identity") or {}
    if place.identity == OWN:
        return OWN.lower() in {each.strip().lower() for each in str(identity.get("type", "")).split(",")}
    return place.identity.lower() in {each.lower() for each in identity.get("userAssignedIdentities") or {}}


def _dead_letters(name: str, topic: str, properties: dict[str, Any]) -> DeadLetterPlace | None:
    if properties.get("deadLetterDestination"):
        raise not_imitated(
            f"dead letters without an identity (subscription '{name}'): name one of the topic's in"
            " deadLetterWithResourceIdentity"
        )
    by_identity = properties.get("deadLetterWithResourceIdentity") or {}
    sent = by_identity.get("deadLetterDestination")
    if not sent:
        return None
    place = sent.get("properties") or {}
    if sent.get("endpointType") != "StorageBlob" or not place.get("blobContainerName"):
        raise invalid(name, "a dead-letter destination is a StorageBlob with a blobContainerName")
    identity = by_identity.get("identity") or {}
    if identity.get("type") not in (OWN, "UserAssigned"):
        raise invalid(
            name, "deadLetterWithResourceIdentity needs an identity of type UserAssigned or SystemAssigned"
        )
    if identity.get("type") == "UserAssigned" and not identity.get("userAssignedIdentity"):
        raise invalid(name, "the identity of deadLetterWithResourceIdentity needs a userAssignedIdentity")
    return DeadLetterPlace(
        str(place.get("resourceId", "")),
        str(place["blobContainerName"]),
        topic,
        OWN if identity["type"] == OWN else str(identity["userAssignedIdentity"]),
    )


def _whole(body: dict[str, Any], name: str, most: int, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 1 to {most}, not {value!r}")
    return value
