"""Event Grid: a finished upload starts a run; a finished model tells its run.

The function cannot choose its answer: what it raises is delivered again for up to 24 hours, what it
returns is done with. So an event that can never be used is logged and returned, and only an error that
may pass (storage or the engine out of reach) is raised.
"""

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from runs import naming
from runs.contracts import Upload
from runs.settings import app
from services import run_store
from triggers.starting import Client, start

log = logging.getLogger("touchdown.triggers")

CREATED = "Microsoft.Storage.BlobCreated"
FINISHED_WRITES = frozenset({"PutBlob", "PutBlockList", "FlushWithClose", "CopyBlob"})
"""`data.api` of a write after which the blob is whole. Source: "Azure Blob Storage as Event Grid source"."""

ENDED = frozenset({"COMPLETED", "FAILED", "TERMINATED"})
"""An orchestration's states from which nothing follows."""
LOST = 60.0
"""Seconds after its claim within which a run that the engine does not know is still expected."""

_ETAG = re.compile(r"[!#-~]{1,100}")
"""An entity tag as HTTP allows it, without its quotes."""

events = df.Blueprint()


@dataclass(frozen=True)
class Created:
    """A blob that has been written. etag has no quotes; time is ISO 8601 in UTC."""

    container: str
    path: str
    etag: str
    time: str


class Unusable(Exception):
    """An event that says nothing to this app, now or later; the text says why."""

    level = logging.WARNING


class Other(Unusable):
    """A sound event of something that this app does not follow."""

    level = logging.DEBUG


def created(event: func.EventGridEvent | func.CloudEvent) -> Created:
    """What a BlobCreated event says, in the Event Grid schema or as CloudEvents 1.0. Raises Unusable."""
    kind = event.type if isinstance(event, func.CloudEvent) else event.event_type
    time = event.time if isinstance(event, func.CloudEvent) else event.event_time
    if kind != CREATED:
        raise Other(f"its type is {kind!r}")
    data: Any = event.get_json()
    if not isinstance(data, dict):
        raise Unusable("it carries no data")
    api, subject, etag = (
        each if isinstance(each, str) else "" for each in (data.get("api"), event.subject, data.get("eTag"))
    )
    if api not in FINISHED_WRITES:
        raise Other(f"its api is {api!r}, which is no finished write")
    head, _, rest = subject.partition("/containers/")
    container, _, path = rest.partition("/blobs/")
    etag = etag.strip('"')
    if head != "/blobServices/default" or not path or not _ETAG.fullmatch(etag):
        raise Unusable("it names no container, blob and eTag")
    if not naming.is_blob_name(path):
        raise Unusable("its blob has a name that storage cannot hold")
    moment = time if isinstance(time, datetime) else datetime.now(UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    stamp = moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return Created(container, path, etag, stamp)


@events.function_name("on_blob_created")
@events.event_grid_trigger(arg_name="event")
@events.durable_client_input(client_name="client")
def on_blob_created(event: func.EventGridEvent, client: Client) -> None:
    """Start a run for a dataset; raise `model_ready` on the run whose model this is; else nothing."""
    try:
        blob = created(event)
    except Unusable as why:
        log.log(why.level, "event %s is ignored: %s", event.id, why)
        return
    if blob.container != app().container:
        log.debug("event %s is ignored: container %r is not ours", event.id, blob.container)
    elif naming.is_dataset(blob.path):
        started = start(client, Upload(blob.container, blob.path, blob.etag, blob.time), {}, "event")
        log.info("event %s for %r: run %s %s", event.id, blob.path, started.run_id, started.result)
    elif run_id := naming.run_of_model(blob.path):
        tell(client, run_id, blob, str(event.id))
    else:
        log.debug("event %s is ignored: %r is neither a dataset nor a model", event.id, blob.path)


def tell(client: Client, run_id: str, blob: Created, event_id: str) -> None:
    """Raise `model_ready` on a run, if there is one that still waits for anything."""
    state = client.get_orchestration_state(run_id, fetch_payloads=False)
    if state is None:
        claim = run_store.read(run_id)
        if claim is None or claim.record.status != "Running" or claim.age > LOST:
            log.info("event %s is ignored: there is no run %s that waits for a model", event_id, run_id)
            return
        raise LookupError(f"run {run_id} is claimed, but the engine does not know it yet")
    if state.runtime_status.name in ENDED:
        log.info("event %s is ignored: run %s has ended", event_id, run_id)
        return
    client.raise_orchestration_event(run_id, "model_ready", data={"path": blob.path, "etag": blob.etag})
    log.info("event %s: model of run %s is ready", event_id, run_id)
