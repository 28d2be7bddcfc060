"""Deliveries: one event on its way to one subscription, kept on disk until long after it has arrived.

A delivery is stored before its event counts as taken, and settled ones stay for a while, because tests and
people want to see what was delivered and to have it delivered again.
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
"""Settled deliveries that are kept, the latest ones."""

State = Literal["Queued", "Undeliverable", "Delivered", "DeadLettered", "Dropped"]
PENDING: tuple[State, ...] = ("Queued", "Undeliverable")


@dataclass
class Delivery:
    """One event for one subscription. Times are seconds since 1970.

    state: Queued, then Delivered; or Undeliverable (given up, `reason` says why), then DeadLettered with
    `dead_letter` naming the blob, or Dropped. attempts counts what reached the endpoint. outcome is the
    latest attempt's, in Event Grid's words.
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
        """What a person wants to know of it, for the control routes."""
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
    """Every pending delivery and the latest settled ones, in memory and in the store."""

    KIND = "eventgrid.delivery"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._deliveries = {id_: Delivery.from_json(body) for id_, body in store.list(self.KIND)}
        self._settled = deque(each.id for each in self if not each.pending)

    def __iter__(self) -> Iterator[Delivery]:
        """Oldest first."""
        return iter(list(self._deliveries.values()))

    def save(self, delivery: Delivery) -> None:
        """Put what has become of `delivery` on disk, be it new or known."""
        self._store.put(self.KIND, delivery.id, delivery.to_json())
        self._deliveries[delivery.id] = delivery
        if not delivery.pending:
            self._settled.append(delivery.id)
            while len(self._settled) > KEPT:
                oldest = self._settled.popleft()
                self._deliveries.pop(oldest)
                self._store.delete(self.KIND, oldest)
