"""The record of a run in storage: its claim, its end, and the list of all runs.

`runs/<run id>/run.json` is created with If-None-Match, so one delivery out of many claims a run; the
claim decides, not the engine (an engine forgets finished runs, or runs them again). Beside it stands an
empty blob in `index/runs/` whose name begins with the claim's time counted down, so that storage itself
lists runs newest first, a page at a time, with status and dataset in the metadata.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from runs.contracts import RunRecord, RunRequest, from_json, to_json
from runs.errors import RefusedError
from services.clients import Clients

INDEX = "index/runs/"
_FOREVER = 10**13
"""Milliseconds since 1970 in the year 2286: what times are counted down from."""


def now() -> str:
    """The time now, as contracts write it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def record_path(run_id: str) -> str:
    return f"runs/{run_id}/run.json"


def claimed(request: RunRequest) -> RunRecord:
    """The record of a run that has been claimed and no more."""
    return RunRecord(
        run_id=request.run_id,
        status="Running",
        dataset=request.upload.dataset,
        upload=request.upload,
        source=request.source,
        claimed_at=request.claimed_at,
        given_settings=request.settings,
    )


def ended_error(record: RunRecord) -> RefusedError:
    return RefusedError("RunEnded", f"run {record.run_id} has ended before: {record.status}.")


def claim(request: RunRequest, clients: Clients) -> bool:
    """Claim a run; whether this call did. Of any number of concurrent calls, exactly one does."""
    record = claimed(request)
    try:
        _write(record, clients, overwrite=False)
    except ResourceExistsError:
        return False
    index(record, clients)
    return True


def write(record: RunRecord, clients: Clients) -> None:
    """Replace the record of a run, and its line in the list."""
    _write(record, clients, overwrite=True)
    index(record, clients)


def _write(record: RunRecord, clients: Clients, *, overwrite: bool) -> None:
    blob = clients.container.get_blob_client(record_path(record.run_id))
    body = json.dumps(to_json(record), indent=2).encode()
    if overwrite:
        blob.upload_blob(body, overwrite=True)
    else:
        blob.upload_blob(body, match_condition=MatchConditions.IfMissing)


def index(record: RunRecord, clients: Clients) -> None:
    """Write a run's line in the list. Its name never changes, so writing it twice changes nothing."""
    left = _FOREVER - round(datetime.fromisoformat(record.claimed_at).timestamp() * 1000)
    # Metadata is ASCII, and 8 KB in all: percent-encoded, a long name in another script would be more.
    metadata = {"status": record.status, "dataset": b64encode(record.dataset.encode()).decode()}
    clients.container.upload_blob(
        f"{INDEX}{left:013d}-{record.run_id}", b"", overwrite=True, metadata=metadata
    )


@dataclass(frozen=True)
class Claim:
    """A record as it lies in storage, and its age in seconds by storage's own clock."""

    record: RunRecord
    age: float


def read(run_id: str, clients: Clients) -> Claim | None:
    """The record of a run, or None if no run has that id."""
    try:
        download = clients.container.download_blob(record_path(run_id))
        record = from_json(RunRecord, json.loads(download.readall()))
    except ResourceNotFoundError:
        return None
    age = (datetime.now(UTC) - download.properties.last_modified).total_seconds()
    return Claim(record, age)


@dataclass(frozen=True)
class RunSummary:
    """One run in the list of runs."""

    run_id: str
    dataset: str
    status: str
    claimed_at: str


@dataclass(frozen=True)
class Page:
    runs: list[RunSummary]
    continuation: str


def page(top: int, clients: Clients, *, status: str = "", dataset: str = "", continuation: str = "") -> Page:
    """At most `top` runs, newest first, of that status and dataset where given.

    continuation: the last page's, "" for the first; it is the name of the last line given out, so it
    stays right while new runs are claimed.
    """
    found: list[RunSummary] = []
    for name, line in _lines(continuation, clients):
        if status and line.status.lower() != status.lower():
            continue
        if dataset and line.dataset != dataset:
            continue
        found.append(line)
        if len(found) == top:
            return Page(found, name)
    return Page(found, "")


def _lines(after: str, clients: Clients) -> Iterator[tuple[str, RunSummary]]:
    start = f"{INDEX}{after}" if after else None
    for blob in clients.container.list_blobs(name_starts_with=INDEX, include=["metadata"], start_from=start):
        name = blob.name.removeprefix(INDEX)
        if name <= after:
            continue
        left, run_id = name.split("-", 1)
        moment = datetime.fromtimestamp((_FOREVER - int(left)) / 1000, UTC)
        metadata = blob.metadata or {}
        yield (
            name,
            RunSummary(
                run_id,
                b64decode(metadata.get("dataset", "")).decode(),
                metadata.get("status", "Running"),
                moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            ),
        )
