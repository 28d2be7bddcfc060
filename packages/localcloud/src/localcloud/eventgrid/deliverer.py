"""One attempt at a delivery: what is sent, what the answer means, and when Event Grid gives up.

Event Grid delivers an event at least once, as in Azure. An attempt does not count if nothing listened at the
endpoint: on one machine the app is often simply not running, and must get its events when it starts again.

Fault point `eventgrid.deliver` (subscription, subject, event_id), taken before each attempt: "drop" loses
the delivery, "repeat" sends `count` copies at the same time, "lost" delivers and then treats the answer as an
error (so the event is delivered again), "error" fails the attempt with its status, "delay" waits first.
"""

import asyncio
import logging
import math
import os
import random
import time
from dataclasses import dataclass

from azure.core.exceptions import AzureError as StorageError

from localcloud.eventgrid.deadletters import DeadLetters
from localcloud.eventgrid.deliveries import Delivery, DeliveryLog, State
from localcloud.eventgrid.subscriptions import Subscription
from localcloud.eventgrid.webhooks import Outcome, Webhooks
from localcloud.faults import Faults
from localcloud.storage.words import said
from localcloud.wire import AzureError

log = logging.getLogger("localcloud.eventgrid")

DEAD_LETTER_PAUSE = 5.0
DEAD_LETTER_LIMIT = 4 * 3600
"""Seconds for which writing a dead letter is retried before the event is dropped, as in Azure."""
FACTOR_VARIABLE = "LOCALCLOUD_EVENTGRID_RETRY_FACTOR"


@dataclass(frozen=True)
class RetrySchedule:
    """The waits after failed attempts: Azure's, multiplied by `factor`, at most `longest` seconds.

    RetrySchedule()                 0.25 s, 0.75 s, 1.5 s, 7.5 s, 15 s, 45 s, then every minute
    RetrySchedule(1, math.inf)      10 s, 30 s, 1 min, 5 min … 12 h: Azure's own
    """

    factor: float = 0.025
    longest: float = 60.0

    STEPS = (10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)

    @classmethod
    def from_environment(cls) -> "RetrySchedule":
        """Read LOCALCLOUD_EVENTGRID_RETRY_FACTOR. A factor of 1 or more removes the longest wait."""
        text = os.environ.get(FACTOR_VARIABLE, str(cls.factor))
        try:
            factor = float(text)
        except ValueError:
            factor = math.nan
        if not 0 < factor < math.inf:
            raise ValueError(
                f"{FACTOR_VARIABLE} is {text!r}: set it to a number above 0, 1 for Azure's waits"
            )
        return cls(factor, cls.longest if factor < 1 else math.inf)

    def wait(self, attempts: int) -> float:
        """Return the seconds to wait after the `attempts`th failure, with up to a tenth of jitter."""
        step = self.STEPS[min(attempts, len(self.STEPS)) - 1] * self.factor
        return min(step, self.longest) * random.uniform(1.0, 1.1)  # noqa: S311 - jitter is no secret


class Deliverer:
    """Attempts deliveries and records their outcomes."""

    def __init__(
        self,
        deliveries: DeliveryLog,
        webhooks: Webhooks,
        dead_letters: DeadLetters,
        faults: Faults,
        schedule: RetrySchedule,
    ) -> None:
        self._deliveries = deliveries
        self._webhooks = webhooks
        self._dead_letters = dead_letters
        self._faults = faults
        self._schedule = schedule

    async def attempt(self, subscription: Subscription, batch: list[Delivery]) -> bool:
        """Attempt every delivery of `batch` once; each is then settled, or due again later.

        Returns whether the endpoint could be reached.
        """
        reached = True
        for delivery in batch:
            if delivery.state == "Queued" and time.time() - delivery.queued_at > subscription.ttl:
                self._give_up(delivery, "TimeToLiveExceeded")
        if queued := [each for each in batch if each.state == "Queued"]:
            outcome = await self._send(subscription, queued)
            reached = outcome.verdict != "unreachable"
            for delivery in queued:
                if delivery.state == "Queued":
                    self._record(subscription, delivery, outcome)
        for delivery in batch:
            if delivery.state == "Undeliverable":
                await self._bury(subscription, delivery)
        return reached

    def put_off(self, delivery: Delivery) -> None:
        """Make a delivery due again whose attempt raised an unexpected error."""
        delivery.due = time.time() + self._schedule.wait(4)

    async def _send(self, subscription: Subscription, batch: list[Delivery]) -> Outcome:
        copies, lost = 1, False
        try:
            for delivery in batch:
                fault = await self._faults.at(
                    "eventgrid.deliver",
                    subscription=subscription.name,
                    subject=delivery.event.subject,
                    event_id=delivery.event.id,
                )
                action = fault.action if fault else None
                if action == "drop":
                    self._settle(delivery, "Dropped", "DroppedByFault")
                copies = fault.count if fault and action == "repeat" else copies
                lost = lost or action == "lost"
        except AzureError as error:
            return Outcome.of_status(error.status)
        kept = [each for each in batch if each.state == "Queued"]
        if not kept:
            return Outcome("delivered", "DroppedByFault")
        events = [each.event for each in kept]
        earlier = max(each.attempts for each in kept)
        outcomes = await asyncio.gather(
            *(self._webhooks.send(subscription, events, earlier) for _ in range(copies))
        )
        delivered = [each for each in outcomes if each.verdict == "delivered"]
        return Outcome.of_status(500) if lost and delivered else (delivered or outcomes)[0]

    def _record(self, subscription: Subscription, delivery: Delivery, outcome: Outcome) -> None:
        now = time.time()
        if outcome.verdict == "unreachable":
            if delivery.outcome != outcome.name:
                delivery.outcome = outcome.name
                self._deliveries.save(delivery)
            return
        delivery.attempts += 1
        delivery.last_attempt = now
        delivery.outcome = outcome.name
        if outcome.verdict == "delivered":
            self._settle(delivery, "Delivered", outcome.name)
        elif outcome.verdict == "refused":
            self._give_up(delivery, f"UndeliverableDueToHttp{outcome.name}")
        elif delivery.attempts >= subscription.max_attempts:
            self._give_up(delivery, "MaxDeliveryAttemptsExceeded")
        else:
            delivery.due = now + self._schedule.wait(delivery.attempts)
            log.info(
                "%s answered %s to %s: attempt %d of %d, again in %.2f s",
                *(subscription.name, outcome.name, delivery.event.subject),
                *(delivery.attempts, subscription.max_attempts, delivery.due - now),
            )
            self._deliveries.save(delivery)

    def _settle(self, delivery: Delivery, state: State, outcome: str) -> None:
        delivery.state = state
        delivery.outcome = outcome
        self._deliveries.save(delivery)

    def _give_up(self, delivery: Delivery, reason: str) -> None:
        log.warning("%s gives up %s: %s", delivery.subscription, delivery.event.subject, reason)
        delivery.state = "Undeliverable"
        delivery.reason = reason
        delivery.given_up_at = time.time()
        self._deliveries.save(delivery)

    async def _bury(self, subscription: Subscription, delivery: Delivery) -> None:
        if subscription.dead_letters is None:
            self._settle(delivery, "Dropped", delivery.outcome)
            return
        try:
            delivery.dead_letter = await asyncio.to_thread(self._dead_letters.write, delivery, subscription)
        except (StorageError, AzureError) as error:
            now = time.time()
            delivery.due = now + DEAD_LETTER_PAUSE
            log.warning(
                "the dead letter of %s could not be written as %s: %s",
                *(delivery.event.subject, subscription.dead_letters.writer, said(error)),
            )
            if now - (delivery.given_up_at or now) > DEAD_LETTER_LIMIT:
                self._settle(delivery, "Dropped", delivery.outcome)
        else:
            self._settle(delivery, "DeadLettered", delivery.outcome)
