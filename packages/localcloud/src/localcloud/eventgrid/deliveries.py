"""Deliveries: one event for one subscription, stored on disk until long after it was delivered.

A delivery is stored before its event counts as accepted. Settled deliveries are kept for a while, so that
tests and people can see what was delivered and have it delivered again.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from localcloud.eventgrid.events import Event
from localcloud.store import Store
from localcloud.wire import timestamp

KEPT = 1000
"""How many of the latest settled deliveries are kept."""

State = Literal["Queued", "Undeliverable", "Delivered", "DeadLettered", "Dropped"]
PENDING: tuple[State, ...] = ("Queued", "Undeliverable")


@dataclass
class Delivery:
    """One event for one subscription. Times are seconds since 1970.

    state: Queued, then Delivered; or Undeliverable (`reason` says why), then DeadLettered (`dead_letter`
    names the blob) or Dropped. attempts: those that reached the endpoint. outcome: the latest attempt's, as
    Event Grid's lastDeliveryOutcome.
    """

    subscription: str
    event: Event
    queued_at: float
    due: float
    id: str
    state: State = "Queued"
    attempts: int = 0
    outcome: str = ""
    last_attempt: float | None = None
    reason: str = ""
    given_up_at: float | None = None
    dead_letter: str = ""

    @classmethod
    def new(cls, subscription: str, event: Event, now: float) -> "Delivery":
        return cls(subscription, event, now, now, uuid4().hex)

    @property
    def pending(self) -> bool:
        return self.state in PENDING

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"event": self.event.to_json()}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Delivery":
        return cls(**(body | {"event": Event.from_json(body["event"])}))

    def summary(self) -> dict[str, Any]:
        """Return the delivery as the control routes show it."""
        return {
            "id": self.id,
            "subscription": self.subscription,
            "eventId": self.event.id,
            "eventType": self.event.type,
            "subject": self.event.subject,
            "state": self.state,
            "deliveryAttempts": self.attempts,
            "lastDeliveryOutcome": self.outcome or None,
            "queuedTime": iso(self.queued_at),
            "lastDeliveryAttemptTime": iso(self.last_attempt) if self.last_attempt else None,
            "nextAttemptTime": iso(self.due) if self.pending else None,
            "deadLetterReason": self.reason or None,
            "deadLetter": self.dead_letter or None,
        }


def iso(moment: float) -> str:
    return timestamp(datetime.fromtimestamp(moment, UTC))


class DeliveryLog:
    """All pending deliveries and the latest settled ones, in memory and in the store."""

    KIND = "eventgrid.delivery"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._deliveries = {id_: Delivery.from_json(body) for id_, body in store.list(self.KIND)}
        self._settled = deque(each.id for each in self if not each.pending)

    def __iter__(self) -> Iterator[Delivery]:
        """Iterate over the deliveries, oldest first."""
        return iter(list(self._deliveries.values()))

    def save(self, delivery: Delivery) -> None:
        """Store a new delivery, or the changes of a known one."""
        self._store.put(self.KIND, delivery.id, delivery.to_json())
        self._deliveries[delivery.id] = delivery
        if not delivery.pending:
            self._settled.append(delivery.id)
            while len(self._settled) > KEPT:
                oldest = self._settled.popleft()
                self._deliveries.pop(oldest)
                self._store.delete(self.KIND, oldest)
