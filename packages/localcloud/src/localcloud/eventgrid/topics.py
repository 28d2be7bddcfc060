"""Custom topics: what applications publish to, and what they have been given.

Source: "Post to custom topic for Azure Event Grid" (limits, errors); "Publish - Publish Events" of the
2018-01-01 data plane; error sentences as the service has answered them to the SDKs' users.
"""

from collections import deque
from datetime import datetime
from typing import Any

from localcloud import json_texts
from localcloud.eventgrid.events import Event
from localcloud.store import Store
from localcloud.wire import AzureError

KEPT = 1000
"""Published events that are kept to be looked at, the latest ones."""
MAX_BYTES = 1 << 20
REQUIRED = ("id", "subject", "eventType", "eventTime", "dataVersion")
KNOWN = {*REQUIRED, "data", "topic", "metadataVersion"}
CONFIGURED = "This resource is configured to receive event in 'EventGridEvent' schema."


def invalid(message: str) -> AzureError:
    return AzureError(400, "BadRequest", message, details=[{"code": "InputJsonInvalid", "message": message}])


def read(raw: bytes, topic: str) -> list[Event]:
    """The events of a request's body, for the topic with that resource id.

    Raises AzureError 400 or 413 as Event Grid does.
    """
    if len(raw) > MAX_BYTES:
        message = f"The maximum size (1048576) has been exceeded: the request has {len(raw)} bytes."
        raise AzureError(413, "PayloadTooLarge", message)
    try:
        body = json_texts.loads(raw)
    except ValueError as error:
        raise invalid(f"{CONFIGURED} The request is not JSON: {error}.") from None
    if not isinstance(body, list):
        raise invalid(
            f"{CONFIGURED} The JSON received does not conform to the expected schema."
            " Token Expected: StartArray, Actual Token Received: StartObject."
        )
    return [_event(each, topic) for each in body]


def _event(body: Any, topic: str) -> Event:
    if not isinstance(body, dict):
        raise invalid(f"{CONFIGURED} Every event must be an object, not {body!r:.100}.")
    if unknown := sorted(body.keys() - KNOWN):
        raise invalid(
            "This resource is configured for 'EventGridEvent' schema. Received unexpected property"
            f" '{unknown[0]}' in JSON which does not conform to the expected schema."
        )
    for name in REQUIRED:
        if not isinstance(body.get(name), str) or (not body[name] and name != "dataVersion"):
            raise invalid(f"{CONFIGURED} Required property '{name}' is missing, empty or not a string.")
    try:
        datetime.fromisoformat(body["eventTime"])
    except ValueError:
        raise invalid(f"{CONFIGURED} Property 'eventTime' is no ISO 8601 time.") from None
    if (body.get("topic") or topic).lower() != topic.lower():
        raise invalid("Property 'topic' must be left out, or be the resource id of the topic.")
    return Event.from_json(body | {"topic": topic})


class PublishedEvents:
    """The events that were published to the custom topics of this cloud: the latest ones of all topics."""

    KIND = "eventgrid.published"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept = deque(id_ for id_, _ in store.list(self.KIND))

    def keep(self, event: Event) -> None:
        number = int(self._kept[-1]) + 1 if self._kept else 0
        id_ = f"{number:020}"
        self._store.put(self.KIND, id_, event.to_json())
        self._kept.append(id_)
        if len(self._kept) > KEPT:
            self._store.delete(self.KIND, self._kept.popleft())

    def of(self, topic: str) -> list[dict[str, Any]]:
        """The events of the topic with that resource id, in the Event Grid schema, oldest first."""
        return [body for _, body in self._store.list(self.KIND) if body["topic"].lower() == topic.lower()]
