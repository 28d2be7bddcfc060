"""Storage as a source of events: turns the entries of Azurite's journal into BlobCreated and BlobDeleted.

The journal records every write. Writes that it lacks (made before there was a journal, or whose line was
lost) are found once, at the start, by comparing the ETags of blobs that match a subscription with the ETags
known from before. The feed remembers nothing but one ETag per such blob.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError as StorageError
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, BlobServiceClient

from localcloud.eventgrid import blob_events
from localcloud.eventgrid.blob_events import Account, Blob, container_subject, etag_of, subject
from localcloud.eventgrid.dispatch import Dispatcher
from localcloud.eventgrid.events import BLOB_CREATED, BLOB_DELETED, Event
from localcloud.eventgrid.filters import Filter
from localcloud.eventgrid.journal import Change, Journal, Position
from localcloud.home import Home
from localcloud.inventory import Inventory
from localcloud.store import Store

log = logging.getLogger("localcloud.eventgrid")

POLL = 0.04
"""Seconds between two reads of the journal, which account for most of an event's delay."""
STORAGE_PAUSE = 1.0
STORAGE = "/providers/microsoft.storage/"


class KnownBlobs:
    """The latest known ETag of each blob that matches a subscription."""

    KIND = "eventgrid.known_blobs"

    def __init__(self, store: Store) -> None:
        self._store = store

    def etag(self, blob: Blob) -> str | None:
        document = self._store.get(self.KIND, "/".join(blob))
        return str(document["etag"]) if document else None

    def put(self, blob: Blob, etag: str) -> None:
        self._store.put(self.KIND, "/".join(blob), {"etag": etag})

    def forget(self, blob: Blob) -> None:
        self._store.delete(self.KIND, "/".join(blob))

    def all(self) -> list[Blob]:
        blobs = [id_.split("/", 2) for id_, _ in self._store.list(self.KIND)]
        return [(account, container, blob) for account, container, blob in blobs]


class StorageFeed:
    """Reads the journal continuously, starting where it stopped last time."""

    KIND = "eventgrid.position"

    def __init__(
        self,
        home: Home,
        inventory: Inventory,
        store: Store,
        blobs_of: Callable[[str], BlobServiceClient],
        journal: Journal,
        dispatcher: Dispatcher,
    ) -> None:
        self._home = home
        self._inventory = inventory
        self._store = store
        self._blobs_of = blobs_of
        self._journal = journal
        self._dispatcher = dispatcher
        self._known = KnownBlobs(store)
        kept = store.get(self.KIND, "storage")
        self._position = Position(**kept) if kept else Position()
        self._caught_up = asyncio.Event()

    @property
    def _accounts(self) -> dict[str, Account]:
        """By name, the accounts that exist and to whose events there are subscriptions."""
        topics = {each.topic for each in self._dispatcher.subscriptions if STORAGE in each.topic.lower()}
        accounts = [found for topic in topics if (found := self._inventory.get(topic)) is not None]
        return {each["name"]: Account(each["id"], self._home.storage_url(each["name"])) for each in accounts}

    def _filters(self, account: str) -> list[Filter]:
        """The filters of the subscriptions to an account."""
        found = self._accounts.get(account)
        topic = found.id.lower() if found else ""
        return [each.filter for each in self._dispatcher.subscriptions if each.topic.lower() == topic]

    async def run(self) -> None:
        """Read the journal for ever. Missed writes are looked for beside that, as a listing may take long."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._in_time(self.find_missed))
            while True:
                if not await self._in_time(self.follow):
                    self._caught_up.set()
                    await asyncio.sleep(POLL)

    async def _in_time[T](self, work: Callable[[], Awaitable[T]]) -> T:
        """Do some work, and again whenever storage is unreachable meanwhile."""
        while True:
            try:
                return await work()
            except StorageError as error:
                log.warning("storage does not answer, so its events wait: %s", error)
            except Exception:
                log.exception("Event Grid cannot read what storage did; it tries again")
            await asyncio.sleep(STORAGE_PAUSE)

    async def follow(self) -> bool:
        """Process the new entries of the journal; returns whether there were any."""
        changes, position = self._journal.read(self._position)
        if position == self._position:
            return False
        wanted = [(at, change) for at, change in changes if self._wanted(blob_of(change))]
        events = await asyncio.gather(*(self._event(at, change) for at, change in wanted))
        for (_, change), event in zip(wanted, events, strict=True):
            self._take(change, event)
        self._store.put(self.KIND, "storage", {"segment": position.segment, "offset": position.offset})
        self._position = position
        self._journal.forget(position)
        return True

    async def find_missed(self) -> None:
        """Publish the events of writes that the journal lacks; see the module's docstring.

        They are told from others once the journal has been read as far as it had been written by the listing.
        """
        listed = await asyncio.to_thread(self._list)
        self._caught_up.clear()
        await self._caught_up.wait()
        for blob, properties in listed.items():
            if self._known.etag(blob) == etag_of(properties):
                continue
            current = await self._properties(blob)
            if current is not None and self._known.etag(blob) != etag_of(current):
                log.info("%s/%s/%s was written while nobody looked", *blob)
                if account := self._accounts.get(blob[0]):
                    self._dispatcher.publish(blob_events.from_blob(account, self._position, blob, current))
                self._known.put(blob, etag_of(current))
        for blob in self._known.all():
            if blob not in listed and await self._properties(blob) is None:
                self._known.forget(blob)

    def _take(self, change: Change, event: Event | None) -> None:
        blob = blob_of(change)
        if change.api == "DeleteBlob":
            self._known.forget(blob)
        elif change.api is None:
            # New metadata changes the ETag without an event; a later start must not see a missed write.
            if self._known.etag(blob) is not None:
                self._known.put(blob, change.etag)
            return
        elif self._known.etag(blob) == change.etag:
            return
        if event is not None:
            self._dispatcher.publish(event)
        if change.etag:
            self._known.put(blob, change.etag)

    def _wanted(self, blob: Blob) -> bool:
        about = subject(blob)
        return any(
            each.concerns(type_, about)
            for each in self._filters(blob[0])
            for type_ in (BLOB_CREATED, BLOB_DELETED)
        )

    async def _event(self, position: Position, change: Change) -> Event | None:
        account = self._accounts.get(change.account)
        if account is None:
            return None
        is_complete = change.content_length is not None or change.api in (None, "DeleteBlob")
        current = None if is_complete else await self._properties(blob_of(change), change.etag)
        return blob_events.from_change(account, position, change, current)

    async def _properties(self, blob: Blob, etag: str | None = None) -> BlobProperties | None:
        """Return the blob's properties, or None if it was deleted or no longer has this `etag`."""
        condition: dict[str, Any] = (
            {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified} if etag else {}
        )
        account, container, name = blob
        client = self._blobs_of(account).get_blob_client(container, name)
        try:
            return await asyncio.to_thread(client.get_blob_properties, **condition)
        except (ResourceNotFoundError, ResourceModifiedError):
            return None

    def _list(self) -> dict[Blob, BlobProperties]:
        """Return every blob that matches a subscription; lists whole containers: filters may ignore case."""
        found: dict[Blob, BlobProperties] = {}
        for account in self._accounts:
            for container in self._containers(account):
                try:
                    # An answer that is no XML is none at the next attempt either.
                    client = self._blobs_of(account).get_container_client(container)
                    for each in client.list_blobs(retry_total=0):
                        if self._wanted(blob := (account, container, each.name)):
                            found[blob] = each
                except HttpResponseError as error:
                    # Azurite fails to list a name with a control character, but the journal has its writes.
                    log.warning(
                        "container %s of %s cannot be listed (%s): writes to it that were made without this"
                        " cloud raise no event; if a blob's name has a control character, delete that blob",
                        container,
                        account,
                        error.reason,
                    )
        return found

    def _containers(self, account: str) -> list[str]:
        """The containers whose blobs a subscription may concern."""
        filters = self._filters(account)
        return [
            each.name
            for each in self._blobs_of(account).list_containers()
            if any(filter_.reaches(container_subject(each.name)) for filter_ in filters)
        ]


def blob_of(change: Change) -> Blob:
    return change.account, change.container, change.blob
