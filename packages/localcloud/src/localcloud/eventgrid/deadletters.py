"""Dead letters: what could not be delivered, as blobs that say why.

Source: "Event Grid message delivery and retry", dead-letter events.
"""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContentSettings

from localcloud.eventgrid.deliveries import Delivery, iso
from localcloud.eventgrid.subscriptions import Subscription

CONTAINER = "deadletter"


def letter(delivery: Delivery, subscription: Subscription) -> dict[str, Any]:
    """The event in the subscription's schema, with why and how often it was not delivered."""
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
    """The container of dead letters. It blocks: call it through asyncio.to_thread."""

    def __init__(self, blobs: BlobServiceClient) -> None:
        self._container = blobs.get_container_client(CONTAINER)

    def write(self, delivery: Delivery, subscription: Subscription) -> str:
        """Write `delivery` to a blob of its own and return `container/blob`."""
        now = datetime.now(UTC)
        folder = f"{subscription.name.upper()}/{now.year}/{now.month}/{now.day}/{now.hour}"
        name = f"{folder}/{uuid4()}.json"
        with contextlib.suppress(ResourceExistsError):
            self._container.create_container()
        self._container.upload_blob(
            name,
            json.dumps([letter(delivery, subscription)]).encode(),
            content_settings=ContentSettings(content_type="application/json"),
        )
        return f"{CONTAINER}/{name}"
