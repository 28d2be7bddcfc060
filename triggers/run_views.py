"""What the HTTP API shows of a run: its record, and while it lasts, what its engine says of it."""

import json
from typing import Any
from urllib.parse import quote

from runs.contracts import Json, to_json
from runs.record import RunRecord
from runs.settings import App
from runs.text import shorten
from services import run_store
from services.clients import Clients
from services.errors import MESSAGE_LENGTH
from triggers.engine import Engine, custom_status, has_ended, was_terminated
from triggers.starting import is_being_started


def current_status(run: run_store.RunSummary, engine: Engine) -> str:
    """The status of a listed run. The engine is asked only about a run that should be running."""
    if run.status != "Running":
        return run.status
    state = engine.get_orchestration_state(run.run_id, fetch_payloads=False)
    if state is None:
        return run.status if is_being_started(run.claimed_at) else "Lost"
    return "Terminated" if was_terminated(state) else run.status


def view(record: RunRecord, engine: Engine, clients: Clients) -> Json:
    """Everything known of a run. The fields are the same whatever state the run is in.

    `hint` alone is there only for a run that is Lost or Terminated.
    """
    if record.status != "Running":
        return ended_run(record, clients.settings)
    return running_run(record, engine, clients)


def ended_run(record: RunRecord, settings: App) -> Json:
    return shown(record, settings, stage=record.error.stage if record.error else "")


def running_run(record: RunRecord, engine: Engine, clients: Clients) -> Json:
    """A run whose record says Running.

    Its status is Lost if the engine does not know it although it was not claimed just now, Terminated if it
    was ended through the engine, and Failed if its orchestration ended without writing a record of its end.
    An orchestration that has not begun has no custom status: its run is in no stage, and can be cancelled.
    """
    state = engine.get_orchestration_state(record.run_id)
    if state is None and is_being_started(record.claimed_at):
        return shown(record, clients.settings)
    if state is None:
        hint = f"POST /api/runs with {json.dumps({'dataset': record.dataset})} starts it again."
        return shown(record, clients.settings, status="Lost", hint=hint)
    status: Json = {"can_cancel": True} | custom_status(state)
    if was_terminated(state):
        hint = "it was terminated through the engine; nothing that it had made was cleaned up."
        stage = status.get("stage", "")
        return shown(record, clients.settings, status="Terminated", stage=stage, hint=hint)
    if has_ended(state):
        # The run may have written its end after its record was read here.
        claim = run_store.read(record.run_id, clients)
        if claim is not None and claim.record.status != "Running":
            return ended_run(claim.record, clients.settings)
        why = state.failure_details.message if state.failure_details else "it ended without a record."
        message = shorten(why, MESSAGE_LENGTH)
        error = {"stage": status.get("stage", ""), "code": "EngineFailed", "message": message}
        status |= {"status": "Failed", "error": error, "can_cancel": False, "waiting_for": ""}
    model, _, version = str(status.pop("model", "")).partition(":")
    name = model or (status.get("settings") or {}).get("model_name", "")
    upload = to_json(record.upload)
    upload |= {field: status.pop(field) for field in ("etag", "uploaded_at") if field in status}
    status |= {"dataset": record.dataset, "upload": upload, "model_name": name, "model_version": version}
    return shown(record, clients.settings, **status)


def shown(record: RunRecord, app: App, **changes: Any) -> Json:
    """The record's fields, and what only a running run has, and `report_url`; `changes` wins."""
    running: Json = {"stage": "", "since": "", "can_cancel": False, "waiting_for": ""}
    fields: Json = {**to_json(record), **running, **changes}
    return {**fields, "report_url": blob_url(fields["report"], app)}


def blob_url(path: str, settings: App) -> str:
    """The address of a blob, for people who may read the container; "" if there is no blob."""
    return f"{settings.storage_url}/{settings.container}/{quote(path)}" if path else ""
