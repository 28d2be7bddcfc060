"""Starting a run, exactly once for each content of a dataset.

Event Grid delivers an event at least once, even a day later, and the Functions host silently executes the id
of a finished orchestration again. So the claim in storage (services.run_store) decides, and the engine is
asked only whether a claimed run has ever been scheduled.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import grpc

from runs import naming
from runs.contracts import Caller, Json, RunRequest, Upload, to_json
from runs.record import RunRecord
from services import run_store
from services.clients import Clients
from triggers.engine import Engine

log = logging.getLogger("touchdown.triggers")

ORCHESTRATION = "training_run"
BEING_STARTED = 5.0
"""Seconds after a claim during which its claimant is given the time to schedule the run; later, the claimant
must have died. It is less than Event Grid's first retry (10 s), so that the retry picks the run up."""


def is_being_started(claimed_at: str) -> bool:
    """Whether a run that the engine does not know was claimed a moment ago, and so is not lost.

    claimed_at: as a record has it, by the clock of the app that claimed the run.
    """
    age = datetime.now(UTC) - datetime.fromisoformat(claimed_at)
    return age.total_seconds() < BEING_STARTED


@dataclass(frozen=True)
class Start:
    """What became of a request to start a run. run_id: of the run that has claimed the upload.

    result "started": the run was claimed and scheduled now; "picked_up": it had been claimed, but the engine
    did not know it, and it was scheduled now; "starting": another call claimed it a moment ago and is
    scheduling it; "known": it has been started before, and `status` is its status.
    """

    run_id: str
    result: Literal["started", "picked_up", "starting", "known"]
    status: str = "Running"


def start(
    engine: Engine,
    upload: Upload,
    settings: Json,
    source: Literal["event", "http"],
    clients: Clients,
    *,
    attempt: int = 1,
    take_over: bool = False,
    started_by: Caller | None = None,
) -> Start:
    """Start the run of this number for `upload`, unless it has been started.

    A run that is picked up keeps the upload, the settings and the take-over of its claim. The run that has
    claimed an upload may be one of an earlier version of it, whose metadata have been set since, for example.
    """
    run_id = naming.run_id(upload.container, upload.path, upload.etag, attempt)
    request = RunRequest(run_id, upload, settings, source, run_store.now(), take_over, started_by)
    if run_store.claim(request, clients):
        schedule(engine, request)
        return Start(run_id, "started")
    holder = run_store.read(run_id, clients)
    if holder is not None:
        run_id = holder.record.run_id
    state = engine.get_orchestration_state(run_id, fetch_payloads=False)
    claim = run_store.read(run_id, clients)
    if claim is None or state is not None or claim.record.status != "Running":
        return Start(run_id, "known", claim.record.status if claim else "Running")
    if claim.age < BEING_STARTED:
        return Start(run_id, "starting")
    schedule(engine, run_store.request_of(claim.record))
    return Start(run_id, "picked_up")


def schedule(engine: Engine, request: RunRequest) -> None:
    """Hand a claimed run to the engine; one that is already running is left alone."""
    try:
        engine.schedule_new_orchestration(
            ORCHESTRATION, input={"request": to_json(request)}, instance_id=request.run_id
        )
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:
            raise
        log.info("run %s is already running", request.run_id)


def start_by_hand(
    engine: Engine,
    upload: Upload,
    settings: Json,
    clients: Clients,
    *,
    rerun: bool,
    take_over: bool = False,
    started_by: Caller | None = None,
) -> Start:
    """Start a run for an upload that may have had runs before.

    The newest run that has not ended goes on if the engine has lost it. Otherwise a rerun is a new run, and
    without a rerun the result is "known".
    """
    records = runs_of(upload, clients)
    if records:
        # Only the first run knows the upload's time from its event. Last-Modified is cut to the second: by
        # that, a rerun would be about an older upload than the deployment that it is to replace, and would
        # never be promoted. A run that was claimed for an earlier version knows the time of that one.
        first = records[0].upload
        is_earlier = first.etag != upload.etag
        later = max(first.uploaded_at, upload.uploaded_at)
        upload = replace(upload, uploaded_at=later if is_earlier else first.uploaded_at)
    unended = [number for number, record in enumerate(records, 1) if record.status == "Running"]
    newest = unended[-1] if unended else max(1, len(records))

    def attempt(number: int) -> Start:
        return start(
            engine,
            upload,
            settings,
            "http",
            clients,
            attempt=number,
            take_over=take_over,
            started_by=started_by,
        )

    started = attempt(newest)
    if rerun and started.result == "known":
        started = attempt(len(records) + 1)
    return started


def runs_of(upload: Upload, clients: Clients) -> list[RunRecord]:
    """The records of all runs for an upload, the first one first."""
    records: list[RunRecord] = []
    while True:
        number = len(records) + 1
        run_id = naming.run_id(upload.container, upload.path, upload.etag, number)
        claim = run_store.read(run_id, clients)
        if claim is None:
            return records
        records.append(claim.record)
