"""The HTTP API: start a run, list runs, show, cancel and decide on one. Errors are JSON.

POST /api/runs                {"dataset", "settings"?, "rerun"?, "take_over"?}
GET  /api/runs                ?status= &dataset= &top= &continuation=
GET  /api/runs/{id}
POST /api/runs/{id}/cancel
POST /api/runs/{id}/approve   {"comment"?}
POST /api/runs/{id}/reject    {"comment"?}
"""

import functools
import os
from typing import Literal
from urllib.parse import urlencode

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import ResourceNotFoundError

from orchestrators.stages import Stage
from runs import naming
from runs.access import asks_for_keys
from runs.contracts import Caller, Json, Upload, to_json
from runs.record import STATUSES, Approval, Cancel, RunRecord
from runs.resolving import check_body
from runs.settings import App, checked
from runs.text import quote
from services import run_files, run_store
from services.clients import Clients, process_clients
from triggers import sign_in
from triggers.engine import DurableClient, Engine, custom_status, has_ended
from triggers.requests import address, caller, comment_of, json_object
from triggers.responses import ApiError, Handler, reply, respond
from triggers.run_views import current_status, view
from triggers.starting import is_being_started, start_by_hand

PAGE_LIMIT = 200
"""Runs in one page of the list."""


def start_run(req: func.HttpRequest, engine: Engine, clients: Clients) -> func.HttpResponse:
    """Start a run for a dataset that lies in storage: 202 with Location."""
    body = json_object(req, '{"dataset": "iris_csv.csv"}', {"dataset", "settings", "rerun", "take_over"})
    name, rerun, take_over = body.get("dataset"), body.get("rerun", False), body.get("take_over", False)
    if not isinstance(name, str):
        raise ApiError(400, "InvalidDatasetName", 'dataset: a text is expected, such as "iris_csv.csv".')
    if not isinstance(rerun, bool):
        raise ApiError(400, "InvalidRerun", "rerun: true or false is expected.")
    check_take_over(take_over, clients.settings)
    settings = checked(body.get("settings", {}))
    check_body(settings, clients.settings)
    upload = upload_of(naming.dataset_path(name), name, clients)
    who = caller(req, clients.settings)
    started = start_by_hand(
        engine, upload, settings, clients, rerun=rerun, take_over=take_over, started_by=who
    )
    if started.result == "starting":
        message = f"dataset {name}: run {started.run_id} is being started by another request."
        raise ApiError(409, "RunStarting", message, run_id=started.run_id)
    if started.result == "known":
        raise ApiError(
            409,
            "RunExists",
            f"dataset {name}: this content has run {started.run_id}, which is {started.status};"
            ' upload other content, or send "rerun": true to train it again.',
            run_id=started.run_id,
        )
    return accepted(req, started.run_id)


def check_take_over(wanted: object, app: App) -> None:
    """Raise ApiError unless `take_over` in a body is false, or is true and the app allows it."""
    if not isinstance(wanted, bool):
        raise ApiError(400, "InvalidTakeOver", "take_over: true or false is expected.")
    if wanted and not app.may_take_over:
        message = (
            "take_over: this app does not let a run take over an endpoint or a model name of another owner."
            " Whoever operates the app may allow it, with the app setting TOUCHDOWN_TAKE_OVER = allow."
        )
        raise ApiError(403, "TakeOverNotAllowed", message)


def upload_of(path: str, name: str, clients: Clients) -> Upload:
    """The present content of a dataset. Raises ApiError DatasetNotFound."""
    try:
        found = clients.container.get_blob_client(path).get_blob_properties()
    except ResourceNotFoundError:
        message = f"dataset {name} is not in the datasets folder; upload it first."
        raise ApiError(404, "DatasetNotFound", message) from None
    uploaded = run_store.timestamp(found.last_modified)
    return Upload(clients.settings.container, path, str(found.etag).strip('"'), uploaded)


def accepted(req: func.HttpRequest, run_id: str) -> func.HttpResponse:
    """The response to a request that a run has received. It has no key of the durable API in it.

    A payload of Durable Functions would: anyone who may start a run could then steer, forge and purge all.
    """
    url = address(req, f"runs/{run_id}")
    return reply(202, {"run_id": run_id, "url": url}, {"Location": url})


def list_runs(req: func.HttpRequest, engine: Engine, clients: Clients) -> func.HttpResponse:
    """A page of runs, newest first, of one status or dataset if asked; `next` is the next page's address."""
    status, dataset = req.params.get("status", ""), req.params.get("dataset", "")
    if status and status.capitalize() not in STATUSES:
        raise ApiError(400, "InvalidStatus", f"status: one of {', '.join(STATUSES)} is expected.")
    try:
        top = int(req.params.get("top", "50"))
    except ValueError:
        top = 0
    if not 1 <= top <= PAGE_LIMIT:
        raise ApiError(400, "InvalidTop", f"top: a whole number from 1 to {PAGE_LIMIT} is expected.")
    page = run_store.page(
        top, clients, status=status, dataset=dataset, continuation=req.params.get("continuation", "")
    )
    body: Json = {"runs": [to_json(run) | {"status": current_status(run, engine)} for run in page.runs]}
    if page.continuation:
        query = {"status": status, "dataset": dataset, "top": str(top), "continuation": page.continuation}
        given = urlencode({name: value for name, value in query.items() if value})
        body |= {"continuation": page.continuation, "next": address(req, f"runs?{given}")}
    return reply(200, body)


def show_run(req: func.HttpRequest, engine: Engine, clients: Clients) -> func.HttpResponse:
    """Everything known of one run: its record and, while it lasts, its stage."""
    return reply(200, view(record_of(req, clients), engine, clients))


def record_of(req: func.HttpRequest, clients: Clients) -> RunRecord:
    """The record of the run in the address. Raises ApiError RunNotFound."""
    run_id = str(req.route_params.get("run_id", ""))
    claim = run_store.read(run_id, clients) if naming.is_run_id(run_id) else None
    if claim is None:
        raise ApiError(404, "RunNotFound", f"there is no run {quote(run_id)}; GET /api/runs lists them.")
    return claim.record


def cancel_run(req: func.HttpRequest, engine: Engine, clients: Clients) -> func.HttpResponse:
    """Cancel a run: its work in Azure is stopped and cleaned up. 202; 409 if it is too late."""
    record, custom = running(req, engine, clients, "cancel")
    run_id = record.run_id
    if custom.get("can_cancel") is False:
        message = f"run {run_id} is at stage {custom.get('stage')}, in which it can no longer be cancelled."
        raise ApiError(409, "TooLate", message)
    who = caller(req, clients.settings)
    run_files.keep_cancel(run_id, Cancel(who.name, who.id, run_store.now()), clients)
    # Anyone who has the key of the durable API can raise an event, so this one says nothing.
    engine.raise_orchestration_event(run_id, "cancel", data={})
    return accepted(req, run_id)


def running(req: func.HttpRequest, engine: Engine, clients: Clients, wanted: str) -> tuple[RunRecord, Json]:
    """The record and the custom status of the run in the address.

    wanted: what the caller wants to do to it. Raises ApiError RunEnded, RunStarting or RunLost if that is
    impossible.
    """
    record = record_of(req, clients)
    state = engine.get_orchestration_state(record.run_id)
    if record.status != "Running" or (state is not None and has_ended(state)):
        status = record.status if record.status != "Running" else "at its end"
        message = f"run {record.run_id} is {status}; there is nothing left to {wanted}."
        raise ApiError(409, "RunEnded", message)
    if state is None and is_being_started(record.claimed_at):
        message = f"run {record.run_id} is still being started; try to {wanted} it in a few seconds."
        raise ApiError(409, "RunStarting", message, run_id=record.run_id)
    if state is None:
        message = f"run {record.run_id} was claimed, but the engine does not know it; start it again first."
        raise ApiError(409, "RunLost", message)
    return record, custom_status(state)


def approve_run(req: func.HttpRequest, engine: Engine, clients: Clients) -> func.HttpResponse:
    """Let a run that waits for approval promote its deployment. 202; 409 if it does not wait."""
    return decide(req, engine, clients, approved=True)


def reject_run(req: func.HttpRequest, engine: Engine, clients: Clients) -> func.HttpResponse:
    """Have a run that waits for approval delete its deployment. 202; 409 if it does not wait."""
    return decide(req, engine, clients, approved=False)


def decide(req: func.HttpRequest, engine: Engine, clients: Clients, *, approved: bool) -> func.HttpResponse:
    comment = comment_of(req)
    record, custom = running(req, engine, clients, "approve" if approved else "reject")
    run_id, who = record.run_id, caller(req, clients.settings)
    check_approver(who, record, clients.settings, approved=approved)
    stage = custom.get("stage")
    if stage != Stage.APPROVE or custom.get("approval") or custom.get("can_cancel") is False:
        why = (
            "it has already been decided."
            if stage == Stage.APPROVE
            else f"its stage is {stage or 'the first'}."
        )
        raise ApiError(
            409,
            "NotWaiting",
            f"run {run_id} does not wait for a decision: {why} A run waits at stage approve, with the setting"
            ' "approval": "required".',
        )
    verdict: Literal["approved", "rejected"] = "approved" if approved else "rejected"
    decision = Approval(verdict, who.name, run_store.now(), comment, who.id)
    # A decision is about the wait that the caller has seen.
    run_files.keep_decision(run_id, str(custom.get("since", "")), decision, clients)
    # Anyone who has the key of the durable API can raise an event, so this one says nothing.
    engine.raise_orchestration_event(run_id, "decision", data={})
    return accepted(req, run_id)


def check_approver(who: Caller, record: RunRecord, settings: App, *, approved: bool) -> None:
    """Raise ApiError unless the app lets this caller decide on a run.

    Whoever has started a run may reject but not approve it. Of a run that an event has started, nobody is
    known to have done so.
    """
    if settings.approvers and who.id not in settings.approvers:
        message = (
            f"{who.name} is no approver of this app. Whoever operates the app names approvers in the app"
            " setting TOUCHDOWN_APPROVERS."
        )
        raise ApiError(403, "NotAnApprover", message)
    starter = record.started_by
    if approved and starter is not None and starter.id and starter.id == who.id:
        message = f"{who.name} has started run {record.run_id}; someone else has to approve it."
        raise ApiError(403, "OwnRun", message)


# --- The routes ---------------------------------------------------------------------------------------

ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", "runs", start_run),
    ("GET", "runs", list_runs),
    ("GET", "runs/{run_id}", show_run),
    ("POST", "runs/{run_id}/cancel", cancel_run),
    ("POST", "runs/{run_id}/approve", approve_run),
    ("POST", "runs/{run_id}/reject", reject_run),
]

http = df.Blueprint()


LEVEL = func.AuthLevel.FUNCTION if asks_for_keys(os.environ) else func.AuthLevel.ANONYMOUS
"""What the host asks of a caller. App Service authentication does not satisfy a function key."""


def guarded(handler: Handler) -> Handler:
    """`handler`, for requests that the app answers at all."""

    @functools.wraps(handler)
    def checked_first(req: func.HttpRequest, engine: Engine, clients: Clients) -> func.HttpResponse:
        sign_in.check(req, clients.settings)
        return handler(req, engine, clients)

    return checked_first


def register(method: str, route: str, handler: Handler) -> None:
    """Register `handler` as an HTTP function of its own name."""

    def function(req: func.HttpRequest, client: DurableClient) -> func.HttpResponse:
        return respond(guarded(handler), req, client, process_clients)

    function.__name__ = handler.__name__
    function.__doc__ = handler.__doc__
    bound = http.durable_client_input(client_name="client")(function)
    http.function_name(handler.__name__)(http.route(route=route, methods=[method], auth_level=LEVEL)(bound))


for each in ROUTES:
    register(*each)
