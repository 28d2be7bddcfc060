"""Moves a compute, an endpoint or a deployment from Creating or Updating to Succeeded or Failed.

A change takes effect when its operation succeeds. Until then a GET shows the earlier properties with the
provisioning state of the change; if the change fails, the earlier properties stay, in state Failed. A restart
ends unfinished changes: it fails creations and updates, and carries out deletions.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from localcloud.faults import Faults
from localcloud.machinelearning.errors import busy
from localcloud.store import Document, Store
from localcloud.tokens import Caller
from localcloud.wire import Work, timestamp

PROVISIONING_SECONDS = 0.05
"""Seconds that an operation takes without a fault that delays it. Azure takes seconds to minutes. Here it
finishes before the client's first poll, but never before the PUT is answered."""

IN_PROGRESS = ("Creating", "Updating", "Deleting")


@dataclass(frozen=True)
class Change:
    """An accepted change: the document to answer with, and the work that remains."""

    document: Document
    created: bool
    work: Work


def state_of(document: Document) -> str:
    return str(document["properties"]["provisioningState"])


def in_state(document: Document, state: str) -> Document:
    return document | {"properties": document["properties"] | {"provisioningState": state}}


def written_by(caller: Caller, earlier: Document | None) -> dict[str, str]:
    """Return systemData for a document with which `caller` now creates a resource or replaces `earlier`."""
    now = {"At": timestamp(), "By": caller.client, "ByType": "User" if caller.is_user else "Application"}
    modified = {f"lastModified{key}": value for key, value in now.items()}
    created = {f"created{key}": value for key, value in now.items()}
    kept = {key: value for key, value in (earlier or {}).get("systemData", {}).items() if "created" in key}
    return created | kept | modified


class Provisioned:
    """The resources of one kind, each with a provisioning state.

    kind: of their documents in the store. point: the name of their fault point, after `machinelearning.`.
    noun: their name in messages.
    """

    def __init__(self, store: Store, faults: Faults, *, kind: str, point: str, noun: str) -> None:
        self.store = store
        self.faults = faults
        self.kind = kind
        self.point = point
        self.noun = noun

    def find(self, id_: str) -> Document | None:
        return self.store.get(self.kind, id_)

    def list(self, prefix: str = "") -> list[Document]:
        return [document for _, document in self.store.list(self.kind, prefix)]

    def idle(self, id_: str) -> Document | None:
        """Return the document, if it exists. Raises AzureError 409 while an operation on it is running."""
        document = self.find(id_)
        if document is not None and state_of(document) in IN_PROGRESS:
            raise busy(self.noun, id_, state_of(document))
        return document

    def change(
        self, id_: str, wanted: Document, check: Callable[[], Awaitable[None]] | None = None
    ) -> Change:
        """Change an idle resource to `wanted`. `check` runs first and may fail it by an AzureError."""
        earlier = self.idle(id_)
        state = "Updating" if earlier else "Creating"
        answered = in_state(wanted, state)
        kept = in_state(earlier, state) if earlier else answered
        self.store.put(self.kind, id_, kept)

        async def work() -> None:
            await self._while_waiting(id_)
            if check is not None:
                await check()
            self.store.put(self.kind, id_, in_state(wanted, "Succeeded"))

        return Change(answered, created=earlier is None, work=partial(self._or_failed, id_, kept, work))

    def remove(self, id_: str, also: Callable[[], None] | None = None) -> Change:
        """Delete an idle resource; `also` is called just before."""
        earlier = self.idle(id_)
        assert earlier is not None
        kept = in_state(earlier, "Deleting")
        self.store.put(self.kind, id_, kept)

        async def work() -> None:
            await self._while_waiting(id_)
            if also is not None:
                also()
            self.store.delete(self.kind, id_)

        return Change(kept, created=False, work=partial(self._or_failed, id_, kept, work))

    def end_interrupted(self) -> None:
        """End the changes that a restart has interrupted."""
        for id_, document in self.store.list(self.kind):
            if state_of(document) == "Deleting":
                self.store.delete(self.kind, id_)
            elif state_of(document) in IN_PROGRESS:
                self.store.put(self.kind, id_, in_state(document, "Failed"))

    async def _while_waiting(self, id_: str) -> None:
        await self.faults.at(f"machinelearning.{self.point}", name=id_)
        await asyncio.sleep(PROVISIONING_SECONDS)

    async def _or_failed(self, id_: str, kept: Document, work: Work) -> None:
        try:
            await work()
        except Exception:
            self.store.put(self.kind, id_, in_state(kept, "Failed"))
            raise
