"""Starting a run, exactly once for each content of a dataset.

Event Grid delivers at least once, also a day later, and the Functions host runs an id that has finished
again without a word. So the claim in storage (services.run_store) decides, and the engine is asked only
what it knows: whether a claimed run has ever been scheduled.
"""

import logging
from dataclasses import dataclass
from typing import Literal

import grpc

from runs import naming
from runs.contracts import Json, RunRequest, Upload, to_json
from services import run_store
from services.clients import Clients
from triggers.engine import Engine

log = logging.getLogger("touchdown.triggers")

ORCHESTRATION = "training_run"
BEING_STARTED = 5.0
"""Seconds. A claim younger than this without a run is being started by its claimant right now; an older
one was left by a crash. Less than Event Grid's first retry (10 s), so that the delivery which crashed finds
its own claim left over."""


@dataclass(frozen=True)
class Start:
    """What became of a request to start a run.

    result "started": it was claimed and scheduled now; "picked_up": it had been claimed, but never
    scheduled; "starting": another call claimed it a moment ago and is scheduling it; "known": it has been
    started before and status says how it stands.
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
) -> Start:
    """Start the `attempt`-th run for `upload`, unless it has been started."""
    run_id = naming.run_id(upload.container, upload.path, upload.etag, attempt)
    request = RunRequest(run_id, upload, settings, source, run_store.now())
    if run_store.claim(request, clients):
        schedule(engine, request)
        return Start(run_id, "started")
    state = engine.get_orchestration_state(run_id, fetch_payloads=False)
    claim = run_store.read(run_id, clients)
    if claim is None or state is not None or claim.record.status != "Running":
        return Start(run_id, "known", claim.record.status if claim else "Running")
    if claim.age < BEING_STARTED:
        return Start(run_id, "starting")
    kept = claim.record
    schedule(engine, RunRequest(run_id, kept.upload, kept.given_settings, source, kept.claimed_at))
    return Start(run_id, "picked_up")


def schedule(engine: Engine, request: RunRequest) -> None:
    """Hand a claimed run to the engine; one that runs already is left alone."""
    given = {"request": to_json(request), "record": to_json(run_store.claimed(request))}
    try:
        engine.schedule_new_orchestration(ORCHESTRATION, input=given, instance_id=request.run_id)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:
            raise
        log.info("run %s is running already", request.run_id)


def rerun_of(upload: Upload, clients: Clients) -> tuple[Upload, int]:
    """An upload as its first run knows it, and the number of the next run for it.

    The first run knows when it was made from its event. By Last-Modified, which is cut to the second, a rerun
    would be about an older upload than the deployment that it is to replace, and never be promoted.
    """
    number = 1
    while claim := run_store.read(naming.run_id(upload.container, upload.path, upload.etag, number), clients):
        upload = claim.record.upload if number == 1 else upload
        number += 1
    return upload, number
