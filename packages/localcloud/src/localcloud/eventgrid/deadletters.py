"""Dead letters: blobs with the events that could not be delivered, and the reasons.

Source: "Event Grid message delivery and retry", dead-letter events.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from azure.storage.blob import BlobServiceClient, ContentSettings

from localcloud.eventgrid.deliveries import Delivery, iso
from localcloud.eventgrid.subscriptions import DeadLetterPlace, Subscription


def letter(delivery: Delivery, subscription: Subscription) -> dict[str, Any]:
    """Return the event in the subscription's schema, with the reason and the number of attempts."""
    why: dict[str, Any] = {
        "deadLetterReason": delivery.reason,
        "deliveryAttempts": delivery.attempts,
        "lastDeliveryOutcome": delivery.outcome,
        "publishTime": iso(delivery.queued_at),
        "lastDeliveryAttemptTime": iso(delivery.last_attempt) if delivery.last_attempt else None,
    }
    if subscription.schema == "CloudEventSchemaV1_0":
        why = {name.lower(): value for name, value in why.items()}
    return delivery.event.to_json(subscription.schema) | why


class DeadLetters:
    """The containers of dead letters. It blocks: call it through asyncio.to_thread."""

    def __init__(self, client: Callable[[DeadLetterPlace], BlobServiceClient]) -> None:
        """client: makes a client of a place's account, with the identity that the place names."""
        self._client = client

    def write(self, delivery: Delivery, subscription: Subscription) -> str:
        """Write `delivery` to a blob of its own in the subscription's container; `container/blob`."""
        assert subscription.dead_letters is not None
        place = subscription.dead_letters
        container = self._client(place).get_container_client(place.container)
        now = datetime.now(UTC)
        folder = f"{subscription.name.upper()}/{now.year}/{now.month}/{now.day}/{now.hour}"
        name = f"{folder}/{uuid4()}.json"
        container.upload_blob(
            name,
            json.dumps([letter(delivery, subscription)]).encode(),
            content_settings=ContentSettings(content_type="application/json"),
        )
        return f"{place.container}/{name}"
