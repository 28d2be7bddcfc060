"""A function app with which tests observe its host. They use the durable client through `client`."""

# azure.functions has no types for its decorators.
# mypy: disable-error-code="untyped-decorator"

import json
import logging
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import grpc
from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.task import RetryPolicy, TaskFailedError, when_any

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
log = logging.getLogger("sample")

Steps = Generator[Any, Any, Any]

gates: dict[str, threading.Event] = defaultdict(threading.Event)
entered: dict[str, threading.Event] = defaultdict(threading.Event)
meetings: dict[str, threading.Barrier] = {}
seen: list[dict[str, Any]] = []
attempts: dict[str, int] = defaultdict(int)

GATE_SECONDS = 30


def answer(content: Any, status: int = HTTPStatus.OK) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(content), status_code=status, mimetype="application/json")


# HTTP


@app.route("echo/{id}/{step?}", methods=["GET", "POST", "PUT"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return answer(
        {
            "method": req.method,
            "url": req.url,
            "headers": dict(req.headers),
            "query": dict(req.params),
            "route": dict(req.route_params),
            "body": req.get_body().decode(),
            "setting": os.environ.get("SAMPLE_SETTING"),
        }
    )


@app.route("echo/literal")
def literal(req: func.HttpRequest) -> func.HttpResponse:
    return answer("literal")


@app.route("files/{*path}")
def files(req: func.HttpRequest) -> func.HttpResponse:
    return answer(req.route_params.get("path"))


@app.route("numbers/{number:int}")
def numbers(req: func.HttpRequest) -> func.HttpResponse:
    return answer(int(req.route_params["number"]))


@app.route("function", auth_level=func.AuthLevel.FUNCTION)
def function_level(req: func.HttpRequest) -> func.HttpResponse:
    return answer("in")


@app.route("secret", auth_level=func.AuthLevel.ADMIN)
def admin_level(req: func.HttpRequest) -> func.HttpResponse:
    return answer("in")


@app.route("shaped")
def shaped(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(b"\x00\x01", status_code=418, mimetype="application/x-tea")
    response.headers["X-Pot"] = "brown"
    response.headers.add("Set-Cookie", "one=1; Path=/api; HttpOnly; Max-Age=60")
    response.headers.add("Set-Cookie", "two=2; Secure; SameSite=Lax")
    return response


@app.route("plain")
def plain(req: func.HttpRequest) -> str:
    return "just text"


@app.route("broken")
def broken_http(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("the secret reason")


@app.route("chatty")
def chatty(req: func.HttpRequest) -> func.HttpResponse:
    log.info("chatty at information")
    log.warning("chatty at warning")
    return answer("ok")


@app.route("release/{gate}", methods=["POST"])
async def release(req: func.HttpRequest) -> func.HttpResponse:
    gates[req.route_params["gate"]].set()
    return answer("released")


@app.route("entered/{gate}")
def wait_until_entered(req: func.HttpRequest) -> func.HttpResponse:
    return answer(entered[req.route_params["gate"]].wait(GATE_SECONDS))


# Events


@app.event_grid_trigger(arg_name="event")
def on_event(event: func.EventGridEvent) -> None:
    data = event.get_json()
    if data.get("meet"):
        parties = meetings.setdefault(data["meet"], threading.Barrier(data["parties"]))
        parties.wait(GATE_SECONDS)
    seen.append({"id": event.id, "subject": event.subject, "type": event.event_type, "data": data})
    if data.get("fail"):
        raise ValueError("poison")


@app.event_grid_trigger(arg_name="event")
async def on_cloud_event(event: func.CloudEvent) -> None:
    seen.append({"id": event.id, "subject": event.subject, "type": event.type, "data": event.get_json()})


@app.event_grid_trigger(arg_name="event")
@app.durable_client_input(client_name="client")
async def on_upload(event: func.EventGridEvent, client: str) -> None:
    durable: Any = client
    await durable.schedule_new_orchestration("double_twice", input=1, instance_id=event.id)


@app.route("seen")
def seen_events(req: func.HttpRequest) -> func.HttpResponse:
    return answer(seen)


@app.timer_trigger(arg_name="timer", schedule="0 0 3 * * *")
def nightly(timer: func.TimerRequest) -> None:
    seen.append({"id": "nightly", "past_due": timer.past_due})


# The durable client, operated from outside

EVERY_STATUS = pb.OrchestrationIdReusePolicy(replaceableStatus=pb.OrchestrationStatus.values())


async def _start(client: Any, id_: str, body: dict[str, Any]) -> Any:
    return await client.schedule_new_orchestration(
        body["name"],
        input=body.get("input"),
        instance_id=id_ or None,
        reuse_id_policy=EVERY_STATUS if body.get("reuse") else None,
    )


async def _state(client: Any, id_: str, body: dict[str, Any]) -> Any:
    state = await client.get_orchestration_state(id_, fetch_payloads=body.get("payloads", True))
    return described(state)


async def _wait(client: Any, id_: str, body: dict[str, Any]) -> Any:
    return described(await client.wait_for_orchestration_completion(id_, timeout=GATE_SECONDS))


async def _purge(client: Any, id_: str, body: dict[str, Any]) -> Any:
    return (await client.purge_orchestration(id_)).deleted_instance_count


async def _history(client: Any, id_: str, body: dict[str, Any]) -> Any:
    events = await client.get_orchestration_history(id_)
    return [type(event).__name__ for event in events]


async def _entity(client: Any, id_: str, body: dict[str, Any]) -> Any:
    found = await client.get_entity(EntityInstanceId("journal", id_))
    return json.loads(found.get_state()) if found else None


OPERATIONS: dict[str, Callable[[Any, str, dict[str, Any]], Any]] = {
    "start": _start,
    "state": _state,
    "wait": _wait,
    "purge": _purge,
    "history": _history,
    "entity": _entity,
    "raise": lambda client, id_, body: client.raise_orchestration_event(
        id_, body["event"], data=body.get("data")
    ),
    "terminate": lambda client, id_, body: client.terminate_orchestration(id_, output=body.get("output")),
    "suspend": lambda client, id_, body: client.suspend_orchestration(id_),
    "resume": lambda client, id_, body: client.resume_orchestration(id_),
    "rewind": lambda client, id_, body: client.rewind_orchestration(id_),
    "restart": lambda client, id_, body: client.restart_orchestration(
        id_, restart_with_new_instance_id=body.get("new", False)
    ),
    "signal": lambda client, id_, body: client.signal_entity(
        EntityInstanceId("journal", id_), "record", input=body["entry"]
    ),
}


def described(state: Any) -> dict[str, Any] | None:
    if state is None:
        return None
    failure = state.failure_details
    return {
        "status": str(state.runtime_status),
        "output": state.serialized_output and json.loads(state.serialized_output),
        "custom_status": state.serialized_custom_status and json.loads(state.serialized_custom_status),
        "failure": failure and {"type": failure.error_type, "message": failure.message},
    }


@app.route("client/{operation}/{id?}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def client(req: func.HttpRequest, client: str) -> func.HttpResponse:
    body = json.loads(req.get_body() or b"{}")
    operation = OPERATIONS[req.route_params["operation"]]
    try:
        return answer({"result": await operation(client, req.route_params.get("id", ""), body)})
    except grpc.RpcError as error:
        return answer({"error": error.code().name})


@app.route("check/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
def check_status(req: func.HttpRequest, client: str) -> func.HttpResponse:
    durable: Any = client
    id_ = durable.schedule_new_orchestration("wait_for_approval", instance_id=req.route_params["id"])
    response: func.HttpResponse = durable.create_check_status_response(req, id_)
    return response


# Orchestrations


@app.orchestration_trigger(context_name="ctx")
def double_twice(ctx: Any, number: int) -> Steps:
    once = yield ctx.call_activity("double", input=number)
    return (yield ctx.call_activity("double", input=once))


@app.activity_trigger(input_name="number")
def double(number: int) -> int:
    return 2 * number


@app.activity_trigger(input_name="gate")
def gate(gate: str) -> str:
    entered[gate].set()
    if not gates[gate].wait(GATE_SECONDS):
        raise TimeoutError(f"nobody released gate {gate}")
    return gate


@app.orchestration_trigger(context_name="ctx")
def through_gate(ctx: Any, name: str) -> Steps:
    ctx.set_custom_status({"at": name})
    return (yield ctx.call_activity("gate", input=name))


@app.orchestration_trigger(context_name="ctx")
def through_file(ctx: Any, path: str) -> Steps:
    return (yield ctx.call_activity("wait_for_file", input=path))


@app.activity_trigger(input_name="path")
def wait_for_file(path: str) -> None:
    """Wait for a file, which a test writes when it can no longer call the host."""
    while not Path(path).exists():
        time.sleep(0.01)


@app.route("exits")
def exits(req: func.HttpRequest) -> func.HttpResponse:
    sys.exit("enough")


@app.orchestration_trigger(context_name="ctx")
def wait_for_approval(ctx: Any, seconds: float | None) -> Steps:
    ctx.set_custom_status("waiting")
    approval = ctx.wait_for_external_event("Approved")
    timer = ctx.create_timer(timedelta(seconds=seconds or 3600))
    winner = yield when_any([approval, timer])
    if winner is timer:
        return "too late"
    timer.cancel()
    return approval.get_result()


@app.orchestration_trigger(context_name="ctx")
def work_then_wait(ctx: Any, name: str) -> Steps:
    yield ctx.call_activity("gate", input=name)
    return (yield ctx.wait_for_external_event("Approved"))


@app.orchestration_trigger(context_name="ctx")
def collect(ctx: Any, so_far: list[str] | None) -> Steps:
    collected = [*(so_far or []), (yield ctx.wait_for_external_event("item"))]
    if len(collected) == 3:
        return collected
    ctx.continue_as_new(collected, save_events=True)


@app.orchestration_trigger(context_name="ctx")
def generations(ctx: Any, number: int) -> Steps:
    work = ctx.call_activity("gate", input=f"{ctx.instance_id}-{number}")
    again = ctx.wait_for_external_event("again")
    winner = yield when_any([work, again])
    if winner is again:
        ctx.continue_as_new(number + 1)
        return None
    return work.get_result()


@app.orchestration_trigger(context_name="ctx")
def persistent(ctx: Any, fail_times: int) -> Steps:
    policy = RetryPolicy(first_retry_interval=timedelta(milliseconds=10), max_number_of_attempts=3)
    job = {"key": ctx.instance_id, "fail_times": fail_times}
    try:
        return (yield ctx.call_activity("flaky", input=job, retry_policy=policy))
    except TaskFailedError as error:
        details = error.details
        return {
            "type": details.error_type,
            "message": details.message,
            "caused": details.is_caused_by(ConnectionError),
            "trace": "in flaky" in (details.stack_trace or ""),
        }


@app.activity_trigger(input_name="job")
async def flaky(job: dict) -> int:  # type: ignore[type-arg]  # the worker refuses parameters of a type
    attempts[job["key"]] += 1
    if attempts[job["key"]] <= job["fail_times"]:
        raise ConnectionResetError("the line\nwent dead")
    return attempts[job["key"]]


@app.orchestration_trigger(context_name="ctx")
def parent(ctx: Any, gate_name: str) -> Steps:
    return (yield ctx.call_sub_orchestrator("child", input=gate_name, instance_id=f"{ctx.instance_id}-child"))


@app.orchestration_trigger(context_name="ctx")
def child(ctx: Any, gate_name: str) -> Steps:
    passed = yield ctx.call_activity("gate", input=gate_name)
    return {"passed": passed, "parent": ctx.parent_instance_id}


@app.orchestration_trigger(context_name="ctx")
def failing(ctx: Any, _: Any) -> Steps:
    yield ctx.call_activity("double", input=1)
    raise ValueError("gave up")


@app.orchestration_trigger(context_name="ctx")
def mending(ctx: Any, key: str) -> Steps:
    return (yield ctx.call_activity("flaky", input={"key": key, "fail_times": 1}))


@app.orchestration_trigger(context_name="ctx")
def calls_unknown(ctx: Any, _: Any) -> Steps:
    yield ctx.call_activity("no_such_activity")


@app.orchestration_trigger(context_name="ctx")
def talkative(ctx: Any, _: Any) -> Steps:
    ctx.set_custom_status("x" * 8_191)
    yield ctx.call_activity("double", input=1)


@app.orchestration_trigger(context_name="ctx")
def large(ctx: Any, size: int) -> Steps:
    text = yield ctx.call_activity("fill", input=size)
    return len(text)


@app.activity_trigger(input_name="size")
def fill(size: int) -> str:
    return "x" * size


@app.orchestration_trigger(context_name="ctx")
def write_twice(ctx: Any, given: dict[str, str]) -> Steps:
    """Append two entries. The entity is locked, so that no other entry comes between them."""
    journal = EntityInstanceId("journal", given["key"])
    with (yield ctx.lock_entities([journal])):
        yield ctx.call_entity(journal, "record", input=f"{given['name']} begins")
        if given.get("gate"):
            yield ctx.call_activity("gate", input=given["gate"])
        return (yield ctx.call_entity(journal, "record", input=f"{given['name']} ends"))


@app.orchestration_trigger(context_name="ctx")
def write_once(ctx: Any, given: dict[str, str]) -> Steps:
    return (yield ctx.call_entity(EntityInstanceId("journal", given["key"]), "record", input=given["name"]))


@app.entity_trigger(context_name="ctx", entity_name="Journal")
def journal(ctx: Any, entry: str) -> list[str]:
    entries = [*(ctx.get_state(list) or []), entry]
    ctx.set_state(entries)
    return entries
