"""Event Grid: an event about an uploaded dataset starts a run; one about a model wakes the run that waits.

A function of Event Grid cannot choose its response: an event whose function raises is delivered again for up
to 24 hours, any other is delivered once. So an event that can never be used is logged, and only an error that
may pass (storage or the engine out of reach) is raised.

Two kinds of events never get here, and whoever sent one is told 500: what is no JSON fails in the host, and
a time that is none in azure-functions 2.3. That library makes an EventGridEvent of each before it calls the
function. It accepts no other type of the parameter (`check_input_type_annotation`), no other `dataType`
than JSON (`decode`), and no other converter (`register_converter`). Nothing is started, and Event Grid, which
writes the time itself, sends none of these.
"""

import logging
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import ResourceNotFoundError

from runs import naming
from runs.contracts import Caller, Json, Upload
from runs.text import has_control, quote, shorten_line
from services import run_store
from services.clients import Clients, process_clients
from services.uploads import present_version, version_id
from triggers.engine import DurableClient, Engine, has_ended
from triggers.starting import start

log = logging.getLogger("touchdown.triggers")

CREATED = "Microsoft.Storage.BlobCreated"
UNFINISHED_WRITES = frozenset({"CreateFile", "SftpCreate"})
"""`data.api` of writes that only begin a blob, as does any write of an empty one (an append blob's, say).

Source: "Azure Blob Storage as an Event Grid source". Any other write completes its blob, also one that this
page does not name, such as Put Blob From URL. definitions/subscriptions.json says the same.
"""

LOST = 60.0
"""Seconds after its claim during which a run may still be unknown to the engine; later, it is lost."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far the time of an event may be from the Last-Modified of its blob and still be believed."""

_ETAG = re.compile(r"[!#-~]{1,100}")
"""An entity tag as HTTP allows it, without its quotes."""

events = df.Blueprint()


NAME_LENGTH = 200
"""Characters of a writer's name that a run keeps."""


@dataclass(frozen=True)
class Created:
    """A blob that has been written. etag has no quotes; time is ISO 8601 in UTC. by: None if unknown."""

    container: str
    path: str
    etag: str
    time: str
    by: Caller | None = None


class UnusableEventError(Exception):
    """An event that this app can use neither now nor later; the text says why."""

    level = logging.WARNING


class IrrelevantEventError(UnusableEventError):
    """A well-formed event about something that this app does not follow."""

    level = logging.DEBUG


class OutdatedEventError(UnusableEventError):
    """An event about a dataset that no longer is as the event says, if it ever was."""

    level = logging.INFO


class NotReadyError(Exception):
    """An event that cannot be handled yet; Event Grid delivers it again because this is raised."""


def created(event: func.EventGridEvent | func.CloudEvent) -> Created:
    """The blob that a BlobCreated event is about, in the Event Grid schema or as CloudEvents 1.0.

    Raises UnusableEventError.
    """
    kind = event.type if isinstance(event, func.CloudEvent) else event.event_type
    time = event.time if isinstance(event, func.CloudEvent) else event.event_time
    if kind != CREATED:
        raise IrrelevantEventError(f"its type is {kind!r}")
    data: Any = event.get_json()
    if not isinstance(data, dict):
        raise UnusableEventError("it has no data")
    check_finished(data)
    subject, etag = (each if isinstance(each, str) else "" for each in (event.subject, data.get("eTag")))
    head, _, rest = subject.partition("/containers/")
    container, _, path = rest.partition("/blobs/")
    etag = etag.strip('"')
    if head != "/blobServices/default" or not path or not _ETAG.fullmatch(etag):
        raise UnusableEventError("it does not name container, blob and eTag")
    if not naming.is_blob_name(path):
        raise UnusableEventError("storage cannot hold a blob of the name that it gives")
    if has_control(path):
        raise UnusableEventError(
            f"the name of its blob, {quote(path)}, holds a control character; upload it under another name"
        )
    return Created(container, path, etag, timestamp(time), writer(data))


def writer(data: Json) -> Caller | None:
    """Who wrote a blob, if its event says so: storage names the requester in some kinds of accounts only.

    That is no proof of who it was, so the caller has no id with which others are compared. Source: "Azure
    Blob Storage as an Event Grid source", property identity.
    """
    given = data.get("identity")
    name = shorten_line(given, NAME_LENGTH) if isinstance(given, str) else ""
    return Caller(name, "") if name else None


def check_finished(data: Json) -> None:
    """Raises IrrelevantEventError if the write of an event has not completed its blob.

    Names are compared as Event Grid's filters do, in any case. Raises UnusableEventError.
    """
    api, length = data.get("api") or "", data.get("contentLength")
    if not isinstance(api, str):
        raise UnusableEventError(f"its api is {api!r}, which is no name")
    if api.lower() in {each.lower() for each in UNFINISHED_WRITES}:
        raise IrrelevantEventError(f"its api is {api!r}, which does not complete a blob")
    if length == 0 and not isinstance(length, bool):
        raise IrrelevantEventError("its blob is empty")


def timestamp(time: Any) -> str:
    """An event's time as contracts write it, or the present time if the event has none."""
    moment = time if isinstance(time, datetime) else datetime.now(UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@events.function_name("on_blob_created")
@events.event_grid_trigger(arg_name="event")
@events.durable_client_input(client_name="client")
def on_blob_created(event: func.EventGridEvent, client: DurableClient) -> None:
    """Start a run for a dataset; wake the run whose model this is; ignore any other blob."""
    receive(event, client, process_clients())


def receive(event: func.EventGridEvent | func.CloudEvent, engine: Engine, clients: Clients) -> None:
    """Do what on_blob_created does, with these clients."""
    try:
        blob = created(event)
        if blob.container != clients.settings.container:
            raise IrrelevantEventError(f"container {blob.container!r} is not the app's")
        follow(blob, str(event.id), engine, clients)
    except UnusableEventError as why:
        log.log(why.level, "event %s is ignored: %s", event.id, why)


def follow(blob: Created, event_id: str, engine: Engine, clients: Clients) -> None:
    """Start the run of a dataset, or wake the run of a model. Raises UnusableEventError or NotReadyError."""
    if naming.is_dataset(blob.path):
        upload = upload_of(blob, clients)
        started = start(engine, upload, {}, "event", clients, started_by=blob.by)
        if upload.etag != blob.etag and started.result in ("started", "picked_up"):
            # Whoever wrote the version of the event knows the run by the id of that one.
            run_store.claim_also(naming.run_id(blob.container, blob.path, blob.etag), started.run_id, clients)
        if started.result == "starting":
            # If the claimant has died, only a further delivery can pick the run up.
            raise NotReadyError(f"run {started.run_id} was claimed a moment ago by another delivery")
        log.info("event %s for %r: run %s %s", event_id, blob.path, started.run_id, started.result)
    elif run_id := naming.run_of_model(blob.path):
        wake(run_id, blob, event_id, engine, clients)
    else:
        raise IrrelevantEventError(f"{blob.path!r} is neither a dataset nor a model")


def upload_of(blob: Created, clients: Clients) -> Upload:
    """The upload that an event is about: the version that lies in storage, or one that a run has claimed.

    Whoever has the webhook's key can send any event. So no run is claimed for a blob that is not there, and
    none for a version that is not: a made-up ETag leads to the run of the present version, which is one
    however many such events come. A version that a run has claimed needs no look: that run knows what it is
    about.

    The time of an event orders uploads, so that one far in the future would make every later upload an older
    one. It is believed only if storage's own time of the blob is close to it.

    Raises OutdatedEventError.
    """
    upload = Upload(blob.container, blob.path, blob.etag, blob.time)
    try:
        found = clients.container.get_blob_client(blob.path).get_blob_properties()
    except ResourceNotFoundError:
        if has_run(upload, clients):
            return upload
        raise OutdatedEventError(f"{blob.path!r} is not there") from None
    if abs(found.last_modified - datetime.fromisoformat(blob.time)) > CLOCK_SKEW:
        upload = replace(upload, uploaded_at=run_store.timestamp(found.last_modified))
    present = present_version(upload, found)
    return upload if present == upload or has_run(upload, clients) else present


def has_run(upload: Upload, clients: Clients) -> bool:
    """Whether a run has claimed this version of a dataset."""
    return run_store.read(version_id(upload), clients) is not None


def wake(run_id: str, blob: Created, event_id: str, engine: Engine, clients: Clients) -> None:
    """Raise `model_ready` on a run that has not ended, if the model is there.

    The run would end on one that is not. Raises OutdatedEventError, and NotReadyError if the run has been
    claimed and may not have been scheduled yet.
    """
    state = engine.get_orchestration_state(run_id, fetch_payloads=False)
    if state is None:
        claim = run_store.read(run_id, clients)
        if claim is None or claim.record.status != "Running" or claim.age > LOST:
            log.info("event %s is ignored: there is no run %s that waits for a model", event_id, run_id)
            return
        raise NotReadyError(f"run {run_id} has been claimed, but the engine does not know it yet")
    if has_ended(state):
        log.info("event %s is ignored: run %s has ended", event_id, run_id)
        return
    try:
        clients.container.get_blob_client(blob.path).get_blob_properties()
    except ResourceNotFoundError:
        raise OutdatedEventError(f"{blob.path!r} is not there") from None
    engine.raise_orchestration_event(run_id, "model_ready", data={"path": blob.path, "etag": blob.etag})
    log.info("event %s: model of run %s is ready", event_id, run_id)
