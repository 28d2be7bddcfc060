"""The records of runs in storage: a run's claim, its end, and the list of all runs.

`app/runs/<run id>/run.json` is created with If-None-Match, so that of many deliveries exactly one claims a
run. The claim decides, not the engine: an engine forgets finished runs, or executes them again.

A run that finds its dataset changed claims the id of the present version too. `run.json` of that id then says
only which run holds it, and whoever reads it gets the record of that run.

Each run also has an empty blob in `index/runs/`. Its name begins with the time of the claim, counted down, so
that storage lists runs newest first and page by page; its metadata holds status and dataset.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceExistsError

from runs import naming
from runs.contracts import Json, RunRequest, from_json, to_json
from runs.errors import RefusedError, TransientError
from runs.record import RunRecord
from runs.record import claimed as claimed
from services import blobs
from services.clients import Clients
from services.storage_clock import StorageClock

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties

INDEX = "index/runs/"
PAGE_LIMIT = 5000
"""Blobs that storage lists at once, at most."""
_COUNTDOWN_FROM = 10**13
"""Milliseconds from 1970 to a day in 2286, from which the times in the index are counted down."""


def now() -> str:
    """The present time, as contracts write it."""
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    """A time in UTC, as contracts write it: such texts compare as their times do."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def record_path(run_id: str) -> str:
    return naming.app_file(run_id, "run.json")


def request_of(record: RunRecord) -> RunRequest:
    """The request for which a record was claimed."""
    return RunRequest(
        run_id=record.run_id,
        upload=record.upload,
        settings=record.given_settings,
        source=record.source,
        claimed_at=record.claimed_at,
        take_over=record.take_over,
        started_by=record.started_by,
    )


def ended_error(record: RunRecord) -> RefusedError:
    return RefusedError("RunEnded", f"run {record.run_id} has already ended: {record.status}.")


def claim(request: RunRequest, clients: Clients) -> bool:
    """Claim a run, and return whether this call did. Of any number of concurrent calls, exactly one does.

    Once it returns, the run is listed, whoever claimed it: a claimant may have died before it added the run
    to the list.
    """
    record = claimed(request)
    try:
        _write(record.run_id, to_json(record), clients, overwrite=False)
    except ResourceExistsError:
        existing = read(request.run_id, clients)
        if existing is not None:
            add_to_index(existing.record, clients)
        return False
    add_to_index(record, clients)
    return True


def claim_also(run_id: str, holder: str, clients: Clients) -> str:
    """Claim `run_id` for the run `holder`, and return the id of the run that has it: `holder`, if it is free.

    No run of that id is ever listed or started. Claiming it again changes nothing.
    """
    try:
        _write(run_id, {"run_id": run_id, "held_by": holder}, clients, overwrite=False)
    except ResourceExistsError:
        existing = read(run_id, clients)
        if existing is None:
            raise TransientError(f"run {run_id}: its claim was deleted while it was read.") from None
        return existing.record.run_id
    return holder


def write(record: RunRecord, clients: Clients) -> None:
    """Replace the record of a run, and its entry in the list."""
    _write(record.run_id, to_json(record), clients, overwrite=True)
    index(record, clients)


def _write(run_id: str, document: Json, clients: Clients, *, overwrite: bool) -> None:
    blob = clients.container.get_blob_client(record_path(run_id))
    body = json.dumps(document, indent=2).encode()
    blob.upload_blob(body, overwrite=overwrite)


# --- One run ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A record as it lies in storage. age: seconds since it was written, by storage's clock."""

    record: RunRecord
    age: float


def read(run_id: str, clients: Clients) -> Claim | None:
    """The record of the run that has claimed this id, or None if none has.

    Its own id is another one if a run of another version of the same dataset has claimed this version too.
    """
    clock = StorageClock()
    found = blobs.read(record_path(run_id), clients, on_response=clock)
    if found is None:
        return None
    document = json.loads(found.data)
    if "held_by" in document:
        return read(document["held_by"], clients)
    record = from_json(RunRecord, document)
    return Claim(record, clock.seconds_since(found.modified))


# --- The list of runs ---------------------------------------------------------------------------------


def index(record: RunRecord, clients: Clients) -> None:
    """Write a run's entry in the list. Its name never changes, so that writing it twice changes nothing."""
    clients.container.upload_blob(entry_name(record), b"", overwrite=True, metadata=entry_metadata(record))


def add_to_index(record: RunRecord, clients: Clients) -> None:
    """Write a run's entry in the list if there is none; an existing one may be newer than `record`."""
    blob = clients.container.get_blob_client(entry_name(record))
    with suppress(ResourceExistsError):
        blob.upload_blob(b"", metadata=entry_metadata(record))


def entry_name(record: RunRecord) -> str:
    claimed_at = round(datetime.fromisoformat(record.claimed_at).timestamp() * 1000)
    return f"{INDEX}{_COUNTDOWN_FROM - claimed_at:013d}-{record.run_id}"


def entry_metadata(record: RunRecord) -> dict[str, str]:
    # Metadata is ASCII and at most 8 KB in all; percent-encoding would make a long name in Chinese too long.
    return {"status": record.status, "dataset": b64encode(record.dataset.encode()).decode()}


@dataclass(frozen=True)
class RunSummary:
    """One run in the list of runs."""

    run_id: str
    dataset: str
    status: str
    claimed_at: str


@dataclass(frozen=True)
class Page:
    """Runs, newest first. continuation: what `page` needs for the next ones; "" if there are none."""

    runs: list[RunSummary]
    continuation: str


def page(top: int, clients: Clients, *, status: str = "", dataset: str = "", continuation: str = "") -> Page:
    """At most `top` runs, newest first, of one status or dataset if given.

    continuation: that of the page before, "" for the first one. It is the name of the last entry of that
    page, so that runs which are claimed in the meantime do not shift the pages.
    """
    found: list[RunSummary] = []
    for name, run in _entries(continuation, top, clients):
        if status and run.status.lower() != status.lower():
            continue
        if dataset and run.dataset != dataset:
            continue
        found.append(run)
        if len(found) == top:
            return Page(found, name)
    return Page(found, "")


def _entries(after: str, size: int, clients: Clients) -> Iterator[tuple[str, RunSummary]]:
    """The entries that follow the one called `after`, with their names, newest first.

    size: entries to ask storage for at first. Each further request asks for twice as many, because a filter
    that matches few runs would otherwise take many requests.
    """
    start: str | None = None
    if after:
        # Storage begins with the entry of this name itself.
        start, size = f"{INDEX}{after}", size + 1
    marker = None
    while True:
        pages: Any = clients.container.list_blobs(
            name_starts_with=INDEX,
            include=["metadata"],
            start_from=None if marker else start,
            results_per_page=min(size, PAGE_LIMIT),
        ).by_page(marker)
        for blob in next(pages):
            name = blob.name.removeprefix(INDEX)
            if name > after:
                yield name, _summary(name, blob)
        marker = pages.continuation_token
        if not marker:
            return
        size *= 2


def _summary(name: str, blob: "BlobProperties") -> RunSummary:
    countdown, run_id = name.split("-", 1)
    claimed_at = datetime.fromtimestamp((_COUNTDOWN_FROM - int(countdown)) / 1000, UTC)
    return RunSummary(
        run_id,
        b64decode(blob.metadata["dataset"]).decode(),
        blob.metadata["status"],
        claimed_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
