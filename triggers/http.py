"""HTTP: start a run by hand, list runs, show, decide on and cancel one. Function-key auth; errors are JSON.

POST /api/runs                {"dataset", "settings"?, "rerun"?}
GET  /api/runs                ?status= &dataset= &top= &continuation=
GET  /api/runs/{id}
POST /api/runs/{id}/approve   {"comment"?}
POST /api/runs/{id}/reject    {"comment"?}
POST /api/runs/{id}/cancel
"""

import functools
import hashlib
import json
import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import azure.durable_functions as df
import azure.functions as func
import grpc
from azure.core.exceptions import AzureError, ResourceNotFoundError
from durabletask.client import OrchestrationState

from activities.registration import explain
from runs import naming, settings
from runs.contracts import LONGEST_COMMENT, Json, RunRecord, Upload, to_json
from runs.errors import RefusedError
from runs.settings import app
from services import clients, run_store
from triggers.events import ENDED
from triggers.starting import Client, rerun_of, start

log = logging.getLogger("touchdown.triggers")

STATUSES = ("Running", "Succeeded", "Failed", "Cancelled")
MOST = 200
"""Runs in one page."""
LONGEST_CALLER = 256
_HALF_A_PAIR = re.compile(r"[\ud800-\udfff]")
"""Half a surrogate pair is no text, and JSON can hold one."""

http = df.Blueprint()


class Answer(Exception):
    """An answer that refuses: status, code, and a sentence a person can act on."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, **more}}


def reply(status: int, body: Json, headers: dict[str, str] | None = None) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(body, indent=2), status_code=status, mimetype="application/json", headers=headers
    )


Handler = Callable[[func.HttpRequest, Client], func.HttpResponse]


def answering(handler: Handler) -> Handler:
    """Turn what a handler raises into JSON: 4xx for what the caller can mend, 503 for what may pass."""

    @functools.wraps(handler)
    def answered(req: func.HttpRequest, client: Client) -> func.HttpResponse:
        try:
            return handler(req, client)
        except Answer as answer:
            return reply(answer.status, answer.body)
        except RefusedError as refused:
            status = 500 if refused.code == "MissingAppSetting" else 400
            return reply(status, {"error": {"code": refused.code, "message": str(refused)}})
        except AzureError as error:
            log.exception("%s failed", handler.__name__)
            message = f"storage could not be asked: {explain(error)}"
            return reply(503, {"error": {"code": "ServiceUnavailable", "message": message}})
        except grpc.RpcError as error:
            log.exception("%s failed", handler.__name__)
            message = f"the durable engine could not be asked: {error}"
            return reply(503, {"error": {"code": "ServiceUnavailable", "message": message[:1000]}})

    return answered


@http.function_name("start_run")
@http.route(route="runs", methods=["POST"])
@http.durable_client_input(client_name="client")
@answering
def start_run(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Start a run for a dataset that lies in storage; 202 with Location and the durable status links."""
    body = json_object(req)
    unknown = sorted(set(body) - {"dataset", "settings", "rerun"})
    if unknown:
        raise Answer(
            400,
            "UnknownField",
            f"{', '.join(unknown)[:200]}: unknown; there are dataset, settings and rerun.",
        )
    name, rerun = body.get("dataset"), body.get("rerun", False)
    if not isinstance(name, str):
        raise Answer(400, "InvalidDatasetName", 'dataset: a text is expected, such as "iris_csv.csv".')
    if not isinstance(rerun, bool):
        raise Answer(400, "InvalidRerun", "rerun: true or false is expected.")
    given = settings.checked(body.get("settings", {}))
    upload = upload_of(naming.dataset_path(name), name)
    upload, attempt = rerun_of(upload) if rerun else (upload, 1)
    started = start(client, upload, given, "http", attempt)
    if started.result == "starting":
        message = f"dataset {name}: run {started.run_id} is being started by another call."
        raise Answer(409, "RunStarting", message, run_id=started.run_id)
    if started.result == "known":
        raise Answer(
            409,
            "RunExists",
            f"dataset {name}: this content has run {started.run_id} ({started.status});"
            ' upload other content, or send "rerun": true to train it again.',
            run_id=started.run_id,
        )
    here = address(req, f"runs/{started.run_id}")
    links = dict(client.create_http_management_payload(req, started.run_id))
    return reply(202, {"run_id": started.run_id, "url": here, "links": links}, {"Location": here})


def json_object(req: func.HttpRequest, example: str = '{"dataset": "iris_csv.csv"}') -> Json:
    try:
        body = json.loads(req.get_body() or b"")
    except (ValueError, RecursionError) as error:
        raise Answer(400, "InvalidJson", f"the body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise Answer(400, "InvalidJson", f"the body is not a JSON object such as {example}.")
    return body


def upload_of(path: str, name: str) -> Upload:
    """The present content of a dataset. Raises Answer 404 when there is none."""
    try:
        found = clients.container().get_blob_client(path).get_blob_properties()
    except ResourceNotFoundError:
        message = f"dataset {name} is not in the datasets folder; upload it first."
        raise Answer(404, "DatasetNotFound", message) from None
    uploaded = found.last_modified.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return Upload(app().container, path, str(found.etag).strip('"'), uploaded)


def address(req: func.HttpRequest, rest: str) -> str:
    """The absolute address of something in this API, whatever the route prefix."""
    url = urlsplit(req.url)
    prefix = url.path[: url.path.index("/runs")]
    return f"{url.scheme}://{url.netloc}{prefix}/{rest}"


@http.function_name("list_runs")
@http.route(route="runs", methods=["GET"])
@http.durable_client_input(client_name="client")
@answering
def list_runs(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """The runs, newest first, by status and dataset, a page at a time; next: the address of the next page."""
    status = req.params.get("status", "")
    if status and status.capitalize() not in STATUSES:
        raise Answer(400, "InvalidStatus", f"status: one of {', '.join(STATUSES)} is expected.")
    try:
        top = int(req.params.get("top", "50"))
    except ValueError:
        top = 0
    if not 1 <= top <= MOST:
        raise Answer(400, "InvalidTop", f"top: a whole number from 1 to {MOST} is expected.")
    dataset = req.params.get("dataset", "")
    page = run_store.page(top, status, dataset, req.params.get("continuation", ""))
    body: Json = {"runs": [to_json(line) | {"status": standing(line, client)} for line in page.lines]}
    if page.continuation:
        asked = {"status": status, "dataset": dataset, "top": str(top), "continuation": page.continuation}
        query = urlencode({name: value for name, value in asked.items() if value})
        body |= {"continuation": page.continuation, "next": address(req, f"runs?{query}")}
    return reply(200, body)


def standing(line: run_store.RunSummary, client: Client) -> str:
    """The status of a listed run; the engine is asked only for one that should be running."""
    if line.status != "Running":
        return line.status
    state = client.get_orchestration_state(line.run_id, fetch_payloads=False)
    if state is None:
        return "Lost"
    return "Terminated" if state.runtime_status.name == "TERMINATED" else line.status


@http.function_name("show_run")
@http.route(route="runs/{run_id}", methods=["GET"])
@http.durable_client_input(client_name="client")
@answering
def show_run(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Everything known of one run: its record, and while it lasts, the stage that its engine shows."""
    record = existing(req)
    return reply(200, live(record, client) if record.status == "Running" else ended(record))


def ended(record: RunRecord) -> Json:
    stage = record.error.stage if record.error else ""
    return {**to_json(record), "stage": stage, "report_url": blob_url(record.report)}


def blob_url(path: str) -> str:
    """The address of a blob, for who may read the container; "" for none."""
    return f"{app().storage_url}/{app().container}/{quote(path)}" if path else ""


def existing(req: func.HttpRequest) -> RunRecord:
    """The record of the run in the address. Raises Answer 404."""
    run_id = str(req.route_params.get("run_id", ""))
    claim = run_store.read(run_id) if naming.is_run_id(run_id) else None
    if claim is None:
        raise Answer(404, "RunNotFound", f"there is no run {run_id[:100]!r}; GET /api/runs lists them.")
    return claim.record


def live(record: RunRecord, client: Client) -> Json:
    """A run whose record says Running, with what the engine knows of it.

    Its status is Lost when the engine knows nothing, and Failed when its story broke off before the record
    of its end was written.
    """
    shown = to_json(record)
    state = client.get_orchestration_state(record.run_id)
    if state is None:
        hint = f"POST /api/runs with {json.dumps({'dataset': record.dataset})} starts it again."
        return {**shown, "status": "Lost", "hint": hint}
    if state.runtime_status.name == "TERMINATED":
        hint = "it was terminated through the engine; what it began was left as it was."
        return {**shown, "status": "Terminated", "hint": hint}
    known = custom_status(state)
    if state.runtime_status.name in ENDED:
        claim = run_store.read(record.run_id)
        if claim is not None and claim.record.status != "Running":
            return ended(claim.record)
        why = state.failure_details.message if state.failure_details else "it ended without a record."
        error = {"stage": known.get("stage", ""), "code": "EngineFailed", "message": why[:1000]}
        known |= {"status": "Failed", "error": error}
    model, _, version = str(known.pop("model", "")).partition(":")
    name = model or (known.get("settings") or {}).get("model_name", "")
    found = {**shown, **known, "dataset": record.dataset, "model_name": name, "model_version": version}
    return {**found, "report_url": blob_url(found["report"])}


def custom_status(state: OrchestrationState) -> Json:
    """What an orchestration shows of its run, or nothing yet."""
    custom = json.loads(state.serialized_custom_status) if state.serialized_custom_status else {}
    return custom if isinstance(custom, dict) else {}


@http.function_name("cancel_run")
@http.route(route="runs/{run_id}/cancel", methods=["POST"])
@http.durable_client_input(client_name="client")
@answering
def cancel_run(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Cancel a run: its remote work is stopped and taken back. 202; 409 when it is too late."""
    run_id, custom = under_way(req, client, "cancel")
    if custom.get("can_cancel") is False:
        message = f"run {run_id} is at {custom.get('stage')}, from where it cannot be called back."
        raise Answer(409, "TooLate", message)
    client.raise_orchestration_event(run_id, "cancel", data={})
    return told(req, run_id)


def under_way(req: func.HttpRequest, client: Client, wanted: str) -> tuple[str, Json]:
    """The run in the address, and its custom status. Raises Answer when there is nothing left to do to it."""
    record = existing(req)
    state = client.get_orchestration_state(record.run_id)
    if record.status != "Running" or (state is not None and state.runtime_status.name in ENDED):
        status = record.status if record.status != "Running" else "at its end"
        raise Answer(409, "RunEnded", f"run {record.run_id} is {status}; there is nothing left to {wanted}.")
    if state is None:
        message = f"run {record.run_id} was claimed, but its engine does not know it; start it again first."
        raise Answer(409, "RunLost", message)
    return record.run_id, custom_status(state)


def told(req: func.HttpRequest, run_id: str) -> func.HttpResponse:
    here = address(req, f"runs/{run_id}")
    return reply(202, {"run_id": run_id, "url": here}, {"Location": here})


@http.function_name("approve_run")
@http.route(route="runs/{run_id}/approve", methods=["POST"])
@http.durable_client_input(client_name="client")
@answering
def approve_run(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Let a run that waits for a decision promote its deployment. 202; 409 when it does not wait."""
    return decide(req, client, approved=True)


@http.function_name("reject_run")
@http.route(route="runs/{run_id}/reject", methods=["POST"])
@http.durable_client_input(client_name="client")
@answering
def reject_run(req: func.HttpRequest, client: Client) -> func.HttpResponse:
    """Have a run that waits for a decision take its deployment back. 202; 409 when it does not wait."""
    return decide(req, client, approved=False)


def decide(req: func.HttpRequest, client: Client, *, approved: bool) -> func.HttpResponse:
    comment = comment_of(req)
    run_id, custom = under_way(req, client, "approve" if approved else "reject")
    stage, since = custom.get("stage", ""), custom.get("since", "")
    if stage != "approve" or custom.get("approval") or custom.get("can_cancel") is False:
        message = (
            f"run {run_id} does not wait for a decision: "
            + ("it has had one." if stage == "approve" else f"it is at {stage or 'its beginning'}.")
            + ' It does so at stage approve, with the setting "approval": "required".'
        )
        raise Answer(409, "NotWaiting", message)
    # The time at which the wait began shows that the decision is about this wait (see the orchestrator).
    decision = {
        "approved": approved,
        "comment": comment,
        "by": caller(req),
        "at": run_store.now(),
        "since": since,
    }
    client.raise_orchestration_event(run_id, "decision", data=decision)
    return told(req, run_id)


def comment_of(req: func.HttpRequest) -> str:
    body = json_object(req, '{"comment": "better on every class"}') if (req.get_body() or b"").strip() else {}
    unknown = sorted(set(body) - {"comment"})
    if unknown:
        raise Answer(400, "UnknownField", f"{', '.join(unknown)[:200]}: unknown; there is comment.")
    comment = body.get("comment", "")
    if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT or _HALF_A_PAIR.search(comment):
        message = f"comment: a text of at most {LONGEST_COMMENT} characters is expected."
        raise Answer(400, "InvalidComment", message)
    return comment


def caller(req: func.HttpRequest) -> str:
    """Who calls, as truly as a Python function can know it.

    The person that App Service has signed in, from headers that it takes out of requests from outside ("Work
    with user identities in Azure App Service authentication"); they are believed only where it says that it
    signs in. Else the key: the host knows its name and tells the worker (RpcHttp.identities), but Python's
    worker leaves that out, so the key is told by the beginning of its SHA-256. The host has checked it: the
    header's where there is one, else the query's.
    """
    if app().signs_in:
        for header in ("x-ms-client-principal-name", "x-ms-client-principal-id"):
            name = "".join(each for each in req.headers.get(header, "") if each.isprintable())
            if name:
                return name[:LONGEST_CALLER]
    key = (req.headers.get("x-functions-key") or req.params.get("code") or "").split(",")[0].strip()
    return f"function key {hashlib.sha256(key.encode()).hexdigest()[:8]}" if key else "somebody without a key"
