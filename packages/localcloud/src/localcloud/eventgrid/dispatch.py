"""Routes events to subscriptions: each subscription has a queue, whose deliveries are attempted concurrently.

Events arrive in no particular order, as in Azure: others overtake a delivery that failed and is retried.
"""

import asyncio
import contextlib
import heapq
import itertools
import json
import logging
import time

from localcloud.eventgrid.deliverer import Deliverer
from localcloud.eventgrid.deliveries import Delivery, DeliveryLog
from localcloud.eventgrid.events import Event
from localcloud.eventgrid.subscriptions import Subscription

log = logging.getLogger("localcloud.eventgrid")

CONCURRENCY = 16
"""Concurrent requests of one subscription."""
UNREACHABLE_PAUSE = 0.5
"""Seconds for which a subscription pauses when nothing listens at its endpoint."""


class SubscriptionQueue:
    """The pending deliveries of one subscription, ordered by the time at which they are due."""

    def __init__(self, subscription: Subscription, deliverer: Deliverer) -> None:
        self.subscription = subscription
        self._deliverer = deliverer
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._number = itertools.count()
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._rests_until = 0.0
        self._paused = False

    def put(self, delivery: Delivery) -> None:
        heapq.heappush(self._waiting, (delivery.due, next(self._number), delivery))
        self._changed.set()

    def pause(self, paused: bool) -> None:
        self._paused = paused
        self._changed.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as attempts:
            while True:
                await self._slots.acquire()
                batch = await self._next_batch()
                attempts.create_task(self._attempt(batch)).add_done_callback(lambda _: self._slots.release())

    async def _attempt(self, batch: list[Delivery]) -> None:
        try:
            reached = await self._deliverer.attempt(self.subscription, batch)
        except Exception:
            # A bug must neither end the queue nor lose its deliveries.
            log.exception("an attempt to deliver to %s broke", self.subscription.name)
            for delivery in batch:
                self._deliverer.put_off(delivery)
        else:
            self._rests_until = 0.0 if reached else time.time() + UNREACHABLE_PAUSE
        for delivery in batch:
            if delivery.pending:
                self.put(delivery)

    async def _next_batch(self) -> list[Delivery]:
        while True:
            self._changed.clear()
            wait = self._wait()
            if wait is not None and wait <= 0:
                return self._pop_batch()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    def _wait(self) -> float | None:
        """Return the seconds until the next delivery is due, or None if none is due without a change."""
        if self._paused or not self._waiting:
            return None
        return max(self._waiting[0][0], self._rests_until) - time.time()

    def _pop_batch(self) -> list[Delivery]:
        batch = [heapq.heappop(self._waiting)[2]]
        size = _size(batch[0])
        now = time.time()
        while len(batch) < self.subscription.max_batch and self._waiting and self._waiting[0][0] <= now:
            size += _size(self._waiting[0][2])
            if size > self.subscription.batch_bytes:
                break
            batch.append(heapq.heappop(self._waiting)[2])
        return batch


def _size(delivery: Delivery) -> int:
    return len(json.dumps(delivery.event.to_json()))


class Dispatcher:
    """Takes events and delivers each to every subscription whose filter it matches."""

    def __init__(
        self, subscriptions: list[Subscription], deliveries: DeliveryLog, deliverer: Deliverer
    ) -> None:
        self.deliveries = deliveries
        self.paused = False
        self._deliverer = deliverer
        self._queues: dict[str, SubscriptionQueue] = {}
        self._running: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        for each in subscriptions:
            self.subscribe(each)

    @property
    def subscriptions(self) -> list[Subscription]:
        return [queue.subscription for queue in self._queues.values()]

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscription, or give a known one its new definition."""
        known = self._queues.get(subscription.name)
        if known is not None:
            known.subscription = subscription
            return
        queue = SubscriptionQueue(subscription, self._deliverer)
        queue.pause(self.paused)
        self._queues[subscription.name] = queue
        for delivery in self.deliveries:
            if delivery.pending and delivery.subscription == subscription.name:
                queue.put(delivery)
        if self._running is not None:
            self._tasks[subscription.name] = self._running.create_task(queue.run())

    def unsubscribe(self, name: str) -> None:
        """Forget a subscription, in any case of its name; what waits for it is not delivered."""
        for known in [each for each in self._queues if each.lower() == name.lower()]:
            del self._queues[known]
            if task := self._tasks.pop(known, None):
                task.cancel()

    def publish(self, event: Event) -> None:
        """Store a delivery of `event` for every subscription that it matches; a crash then cannot lose it."""
        for subscription in self.subscriptions:
            if subscription.topic.lower() == event.topic.lower() and subscription.filter.matches(event):
                self._enqueue(subscription.name, event)

    def redeliver(self, event_id: str) -> list[Delivery]:
        """Deliver a logged event again to all its subscriptions. Returns no delivery if it is unknown."""
        known = {
            each.subscription: each.event
            for each in self.deliveries
            if each.event.id == event_id and each.subscription in self._queues
        }
        return [self._enqueue(name, event) for name, event in known.items()]

    def pause(self, paused: bool) -> None:
        """Hold back or release all deliveries; a restart releases them too."""
        self.paused = paused
        for queue in self._queues.values():
            queue.pause(paused)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._running = group
            self._tasks = {name: group.create_task(queue.run()) for name, queue in self._queues.items()}
            await asyncio.Event().wait()

    def _enqueue(self, subscription: str, event: Event) -> Delivery:
        delivery = Delivery.new(subscription, event, time.time())
        self.deliveries.save(delivery)
        self._queues[subscription].put(delivery)
        return delivery
