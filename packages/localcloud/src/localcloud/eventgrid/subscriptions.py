"""Event subscriptions: who gets which events, and how hard Event Grid tries.

Their definitions are the file that Bicep deploys from, so filters are written once. A home may add its own
in `subscriptions.json` beside `cloud.json`, in the same form, for a webhook or a look at the custom topic;
they are read when the cloud starts.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from localcloud.eventgrid.events import SCHEMAS, STORAGE_ID, TOPIC_ID, Schema
from localcloud.eventgrid.filters import Filter
from localcloud.home import CONTAINER, DEFINITIONS, TOPIC, Home

ENDPOINT = re.compile(r"https?://[^/\s]+")
NAME = re.compile(r"[A-Za-z0-9-]{3,64}")
KNOWN = {
    *("name", "topic", "functionName", "endpointUrl", "filter", "retryPolicy", "eventDeliverySchema"),
    *("maxEventsPerBatch", "preferredBatchSizeInKilobytes"),
}


class InvalidSubscriptionError(ValueError):
    """A definition that cannot be loaded; the text names the file, the subscription and the reason."""


@dataclass(frozen=True)
class Subscription:
    """One event subscription.

    topic: the resource id whose events it gets. Exactly one destination: function_name is a function of the
    app, endpoint_url any webhook. ttl in seconds; batch_bytes is a target for the size of a batch.
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

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "Subscription":
        """Raises ValueError, saying what Event Grid would refuse or localcloud does not know."""
        if unknown := body.keys() - KNOWN:
            raise ValueError(f"localcloud does not know {', '.join(sorted(unknown))} in a subscription")
        name = body.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(f"name {name!r} must be 3 to 64 letters, digits and hyphens")
        destinations = [body.get("functionName"), body.get("endpointUrl")]
        if sum(isinstance(each, str) and bool(each) for each in destinations) != 1:
            raise ValueError("name one destination: functionName or endpointUrl")
        if destinations[1] is not None and not ENDPOINT.match(destinations[1]):
            raise ValueError(
                f"endpointUrl {destinations[1]!r} must begin with http:// or https:// and a host"
            )
        topic = body.get("topic")
        if topic not in (None, TOPIC):
            raise ValueError(f"topic {topic!r} is unknown: leave it out for storage, or name {TOPIC}")
        schema = body.get("eventDeliverySchema", "EventGridSchema")
        if schema not in SCHEMAS:
            raise ValueError(f"eventDeliverySchema {schema!r} is not imitated: use {' or '.join(SCHEMAS)}")
        retry = body.get("retryPolicy", {})
        if not isinstance(retry, dict):
            raise ValueError(f"retryPolicy must be an object, not {retry!r}")  # noqa: TRY004 - input, not a bug
        return cls(
            name=name,
            topic=TOPIC_ID if topic else STORAGE_ID,
            filter=Filter.parse(body.get("filter", {})),
            function_name=destinations[0],
            endpoint_url=destinations[1],
            schema=cast(Schema, schema),
            max_attempts=_whole(retry, "maxDeliveryAttempts", 30, 30),
            ttl=_whole(retry, "eventTimeToLiveInMinutes", 1440, 1440) * 60,
            max_batch=_whole(body, "maxEventsPerBatch", 5000, 1),
            batch_bytes=_whole(body, "preferredBatchSizeInKilobytes", 1024, 64) * 1024,
        )


def _whole(body: dict[str, Any], name: str, most: int, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 1 to {most}, not {value!r}")
    return value


def load(home: Home) -> list[Subscription]:
    """The subscriptions of `home`. Raises InvalidSubscriptionError."""
    own = home.root / "subscriptions.json"
    files = [DEFINITIONS / "subscriptions.json", *([own] if own.exists() else [])]
    subscriptions: dict[str, Subscription] = {}
    for file in files:
        for subscription in _read(file):
            # Names become folders of dead letters, in upper case.
            if subscription.name.upper() in subscriptions:
                raise InvalidSubscriptionError(f"{file}: there are two subscriptions {subscription.name!r}")
            subscriptions[subscription.name.upper()] = subscription
    return list(subscriptions.values())


def _read(file: Path) -> list[Subscription]:
    try:
        definitions = json.loads(file.read_text().replace("{container}", CONTAINER))
    except ValueError as error:
        raise InvalidSubscriptionError(f"{file} is not JSON: {error}") from None
    if not isinstance(definitions, list) or not all(isinstance(each, dict) for each in definitions):
        raise InvalidSubscriptionError(f"{file} must be a list of event subscriptions")
    subscriptions = []
    for definition in definitions:
        try:
            subscriptions.append(Subscription.parse(definition))
        except ValueError as error:
            raise InvalidSubscriptionError(
                f"{file}: subscription {definition.get('name')!r}: {error}"
            ) from None
    return subscriptions
