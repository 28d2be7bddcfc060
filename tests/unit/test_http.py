"""The HTTP functions where the engine and the record disagree, and what a caller gets wrong."""

import hashlib
import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
import pytest

from runs import naming
from runs.contracts import Caller, Json, RunRequest, Upload
from runs.record import Approval, Failure
from runs.settings import App
from services import run_files, run_store
from services.clients import Clients
from tests.unit.engines import Engine, state
from tests.unit.wire import SETTINGS, Answer, Blobs, Credential, Wire
from triggers import http
from triggers.responses import Handler, respond

DATASET = "datasets/iris_csv.csv"
UPLOAD = Upload("blobs", DATASET, "0x8DC", "2025-12-31T23:59:59.958410Z")
RUN = naming.run_id("blobs", DATASET, "0x8DC")


@pytest.fixture
def blobs() -> Blobs:
    """A storage account that holds one dataset."""
    blobs = Blobs()
    blobs.put(DATASET, b"a,b\n1,2\n", "0x8DC")
    return blobs


@pytest.fixture
def clients(blobs: Blobs) -> Clients:
    return Wire(blobs).clients()


def call(
    handler: Handler,
    engine: Any,
    clients: Clients,
    body: Any = None,
    *,
    method: str = "GET",
    run_id: str = "",
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
) -> tuple[int, Any]:
    request = func.HttpRequest(
        method,
        f"https://app.invalid/api/runs/{run_id}",
        headers=headers,
        params=params,
        route_params={"run_id": run_id},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )
    answer = respond(handler, request, engine, lambda: clients)
    return answer.status_code, json.loads(answer.get_body())


def start(engine: Engine, clients: Clients, body: Any) -> tuple[int, Any]:
    return call(http.start_run, engine, clients, body, method="POST")


def claimed(clients: Clients, **changes: Any) -> None:
    """A run that an event has started."""
    request = RunRequest(RUN, UPLOAD, {}, "event", "2026-01-01T00:00:00.000000Z")
    run_store.write(replace(run_store.claimed(request), **changes), clients)


# --- Starting -----------------------------------------------------------------------------------------


def test_a_run_is_claimed_and_scheduled_once(clients: Clients) -> None:
    engine = Engine()
    status, body = start(engine, clients, {"dataset": "iris_csv.csv", "settings": {"epochs": "7"}})
    assert (status, body["run_id"]) == (202, RUN)
    ((instance, given),) = engine.scheduled
    assert instance == RUN
    assert given["request"]["settings"] == {"epochs": 7}
    status, body = start(engine, clients, {"dataset": "iris_csv.csv"})
    assert (status, body["error"]["code"], body["error"]["run_id"]) == (409, "RunExists", RUN)
    assert len(engine.scheduled) == 1


def test_the_address_of_a_started_run_is_also_its_location(clients: Clients) -> None:
    url = "https://app.invalid/api/runs"
    request = func.HttpRequest("POST", url, body=b'{"dataset": "iris_csv.csv"}')
    answer = respond(http.start_run, request, Engine(), lambda: clients)
    assert (answer.status_code, answer.mimetype) == (202, "application/json")
    body = json.loads(answer.get_body())
    assert answer.headers["Location"] == body["url"] == f"{url}/{RUN}"
    assert body.keys() == {"run_id", "url"}, "no address of the durable API, which has its key in it"


@pytest.mark.parametrize("rerun", [False, True])
def test_a_run_that_another_call_is_starting_is_409_and_named(clients: Clients, rerun: bool) -> None:
    claimed(clients)
    engine = Engine()
    status, body = start(engine, clients, {"dataset": "iris_csv.csv", "rerun": rerun})
    assert (status, body["error"]["code"], body["error"]["run_id"]) == (409, "RunStarting", RUN)
    assert body["error"]["message"] == f"dataset iris_csv.csv: run {RUN} is being started by another request."
    assert engine.scheduled == []


def test_a_rerun_is_about_the_same_upload_and_no_older_one(clients: Clients) -> None:
    """The deployment of the first run would otherwise be that of a newer upload, and never be replaced."""
    claimed(clients, status="Succeeded")
    engine = Engine()
    status, body = start(engine, clients, {"dataset": "iris_csv.csv", "rerun": True})
    assert (status, body["run_id"]) == (202, f"{RUN}-2")
    assert engine.scheduled[0][1]["request"]["upload"]["uploaded_at"] == UPLOAD.uploaded_at


def test_reruns_are_counted(clients: Clients) -> None:
    engine = Engine()
    ids = [start(engine, clients, {"dataset": "iris_csv.csv", "rerun": True})[1]["run_id"] for _ in range(3)]
    assert ids == [RUN, f"{RUN}-2", f"{RUN}-3"]


def post(engine: Engine, blobs: Blobs, app: App, **more: Any) -> tuple[int, Any]:
    return start(engine, Wire(blobs).clients(app), {"dataset": "iris_csv.csv", **more})


@pytest.mark.parametrize(
    ("given", "app", "words"),
    [
        ({"tolerance": 1}, {}, "the app setting TOUCHDOWN_TOLERANCE"),
        ({"approval": "none"}, {"run_defaults": {"approval": "required"}}, "TOUCHDOWN_APPROVAL"),
        ({"keep_deployments": 1}, {}, "TOUCHDOWN_KEEP_DEPLOYMENTS"),
        ({"vm_size": "Standard_ND96isr_H100_v5"}, {}, "TOUCHDOWN_ALLOWED_VM_SIZES"),
        ({"epochs": 10_000}, {"max_epochs": 9_999}, "TOUCHDOWN_MAX_EPOCHS"),
    ],
)
def test_a_setting_that_is_not_the_callers_is_403_and_starts_nothing(
    blobs: Blobs, given: Json, app: Json, words: str
) -> None:
    engine, before = Engine(), set(blobs.blobs)
    status, body = post(engine, blobs, replace(SETTINGS, **app), settings=given)
    assert (status, body["error"]["code"]) == (403, "SettingNotAllowed")
    assert body["error"]["message"].startswith(f"setting {next(iter(given))}: ")
    assert words in body["error"]["message"]
    assert (engine.scheduled, set(blobs.blobs)) == ([], before)


def test_only_where_the_operator_allows_it_may_a_run_take_something_over(blobs: Blobs) -> None:
    engine, before = Engine(), set(blobs.blobs)
    status, body = post(engine, blobs, SETTINGS, take_over=True)
    assert (status, body["error"]["code"]) == (403, "TakeOverNotAllowed")
    assert "TOUCHDOWN_TAKE_OVER" in body["error"]["message"]
    assert (engine.scheduled, set(blobs.blobs)) == ([], before)
    status, body = post(engine, blobs, replace(SETTINGS, may_take_over=True), take_over=True)
    assert status == 202
    assert engine.scheduled[0][1]["request"]["take_over"] is True
    claim = run_store.read(RUN, Wire(blobs).clients())
    assert claim is not None
    assert claim.record.take_over is True, "the claim in storage says it, which a forged run cannot"


def test_a_run_that_is_picked_up_takes_over_only_what_its_claim_says(blobs: Blobs) -> None:
    clients = Wire(blobs).clients(replace(SETTINGS, may_take_over=True))
    claimed(clients)
    blobs.now += timedelta(seconds=60)
    engine = Engine()
    assert start(engine, clients, {"dataset": "iris_csv.csv", "take_over": True})[0] == 202
    assert engine.scheduled[0][1]["request"]["take_over"] is False


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "InvalidJson"),
        (b"{", "InvalidJson"),
        (b"\xff", "InvalidJson"),
        (b"[" * 200_000, "InvalidJson"),
        ([], "InvalidJson"),
        (None, "InvalidJson"),
        ({}, "InvalidDatasetName"),
        ({"dataset": None}, "InvalidDatasetName"),
        ({"dataset": ["iris.csv"]}, "InvalidDatasetName"),
        ({"dataset": "../iris.csv"}, "InvalidDatasetName"),
        ({"dataset": "a\0.csv"}, "InvalidDatasetName"),
        ({"dataset": "\ud800.csv"}, "InvalidDatasetName"),
        ({"dataset": "iris_csv.csv", "epochs": 3}, "UnknownField"),
        ({"dataset": "iris_csv.csv", "rerun": "yes"}, "InvalidRerun"),
        ({"dataset": "iris_csv.csv", "take_over": 1}, "InvalidTakeOver"),
        ({"dataset": "iris_csv.csv", "settings": None}, "InvalidSetting"),
        ({"dataset": "iris_csv.csv", "settings": {"epoch": 3}}, "UnknownSetting"),
        ({"dataset": "iris_csv.csv", "settings": {"epochs": "many"}}, "InvalidSetting"),
        (b'{"dataset": "iris_csv.csv", "settings": {"lr": NaN}}', "InvalidSetting"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_body_is_answered_with_400_and_what_is_wrong(
    blobs: Blobs, clients: Clients, body: Any, code: str
) -> None:
    engine = Engine()
    status, answer = start(engine, clients, body)
    assert (status, answer["error"]["code"]) == (400, code)
    assert answer["error"]["message"]
    assert engine.scheduled == []
    assert list(blobs.blobs) == [DATASET], "nothing was claimed"


WANTED: dict[Handler, str] = {
    http.cancel_run: "cancel",
    http.approve_run: "approve",
    http.reject_run: "reject",
}
"""What a caller wants to do to a run, in the words of the answers."""
NAMES = ["epochs", "lr", "label", "task", "model_name", "training_timeout", "min_accuracy", "approval"]


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value",
    [
        "1e400",
        "-1e400",
        "1" + "0" * 400,
        "1" + "0" * 4200,
        "Infinity",
        "NaN",
        deep(300),
        deep(900),
        deep(5000),
        '{"a":' * 900 + "1" + "}" * 900,
        '"\\ud800"',
        '"\\udfff\\ud800"',
        '"\\u0000"',
        '"' + "x" * 100_000 + '"',
        '"' + "9" * 5000 + '"',
        "true",
        "null",
    ],
    ids=lambda value: value[:12],
)
def test_no_value_of_a_setting_is_a_fault_of_the_app(clients: Clients, name: str, value: str) -> None:
    """Where a value may be used, the run is started; otherwise the answer says what is wrong."""
    engine = Engine()
    body = '{"dataset": "iris_csv.csv", "settings": {"' + name + '": ' + value + "}}"
    status, answer = start(engine, clients, body.encode())
    assert status in (202, 400)
    if status == 400:
        assert answer["error"]["code"] in ("InvalidSetting", "InvalidJson")
        assert len(answer["error"]["message"]) < 1500
        assert engine.scheduled == []


@pytest.mark.parametrize("handler", [http.start_run, http.reject_run], ids=lambda each: str(each.__name__))
def test_a_body_that_is_too_long_is_not_parsed(handler: Handler, clients: Clients) -> None:
    claimed(clients)
    body = b'{"comment": "' + b"x" * (2 << 20)
    status, answer = call(handler, Engine(), clients, body, method="POST", run_id=RUN)
    assert (status, answer["error"]["code"]) == (413, "BodyTooLarge")
    assert answer["error"]["message"] == "the body has 2,097,165 bytes, and at most 2,097,152 are read."


@pytest.mark.parametrize("handler", [http.start_run, http.approve_run], ids=lambda each: str(each.__name__))
@pytest.mark.parametrize(
    "body",
    [
        deep(900),
        deep(100_000),
        '{"dataset": ' + deep(900) + "}",
        '{"comment": ' + deep(900) + "}",
        '{"settings": ' + deep(900) + ', "dataset": "x.csv"}',
        '{"rerun": ' + "9" * 10_000 + "}",
        '{"dataset": 1e400}',
        '{"\\ud800": 1}',
        '{"' + "k" * 100_000 + '": 1}',
        "9" * 10_000,
        '{"dataset": "\\udc00.csv"}',
    ],
    ids=lambda value: ascii(value[:16]),
)
def test_no_body_is_a_fault_of_the_app(clients: Clients, handler: Handler, body: str) -> None:
    claimed(clients)
    engine = Engine({RUN: state("RUNNING", WAITING)})
    status, answer = call(handler, engine, clients, body.encode("utf-8"), method="POST", run_id=RUN)
    assert status == 400
    assert 0 < len(answer["error"]["message"]) < 1500
    assert (engine.scheduled, engine.raised) == ([], [])


def test_a_dataset_that_is_not_there_is_404(clients: Clients) -> None:
    status, answer = start(Engine(), clients, {"dataset": "none.csv"})
    assert (status, answer["error"]["code"]) == (404, "DatasetNotFound")
    assert "none.csv" in answer["error"]["message"]


def test_a_first_run_by_hand_is_about_the_present_content_of_the_dataset(clients: Clients) -> None:
    engine = Engine()
    assert start(engine, clients, {"dataset": "iris_csv.csv"})[0] == 202
    assert engine.scheduled[0][1]["request"]["upload"] == {
        "container": "blobs",
        "path": DATASET,
        "etag": "0x8DC",
        "uploaded_at": "2026-01-01T00:00:00.000000Z",
    }


def test_an_app_that_lacks_settings_is_a_fault_of_the_app_and_names_them() -> None:
    request = func.HttpRequest("GET", "https://app.invalid/api/runs", body=b"")
    answer = respond(http.list_runs, request, Engine(), lambda: Clients(App.read({}), Credential()))
    error = json.loads(answer.get_body())["error"]
    assert (answer.status_code, error["code"]) == (500, "MissingAppSetting")
    assert "TOUCHDOWN_WORKSPACE" in error["message"]


def test_an_engine_out_of_reach_is_503_in_json(clients: Clients) -> None:
    claimed(clients)
    engine = Engine(out_of_reach=True)
    for answer in (
        call(http.show_run, engine, clients, run_id=RUN),
        call(http.cancel_run, engine, clients, method="POST", run_id=RUN),
        start(engine, clients, {"dataset": "iris_csv.csv"}),
    ):
        assert (answer[0], answer[1]["error"]["code"]) == (503, "ServiceUnavailable")
        assert "failed to connect" in answer[1]["error"]["message"]


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AuthorizationFailure"), (409, "AccountIsBeingCreated")], ids=str
)
def test_storage_out_of_reach_is_503_in_json(status: int, code: str) -> None:
    headers = {"x-ms-error-code": code, "Date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    refusing = Wire(lambda sent: Answer(status, headers=headers)).clients()
    for answer in (
        call(http.list_runs, Engine(), refusing),
        call(http.show_run, Engine(), refusing, run_id=RUN),
        call(http.cancel_run, Engine(), refusing, method="POST", run_id=RUN),
        start(Engine(), refusing, {"dataset": "iris_csv.csv"}),
    ):
        assert (answer[0], answer[1]["error"]["code"]) == (503, "ServiceUnavailable")
        assert answer[1]["error"]["message"].startswith(f"storage could not be reached: {code} ({status}): ")


# --- Listing ------------------------------------------------------------------------------------------


def listed(clients: Clients, **params: str) -> tuple[int, Any]:
    return call(http.list_runs, Engine(), clients, params=params)


def several(clients: Clients, statuses: dict[str, str]) -> None:
    """Runs of these ids and statuses, each claimed a second after the one before."""
    for number, (run_id, status) in enumerate(statuses.items()):
        request = RunRequest(run_id, UPLOAD, {}, "event", f"2026-01-01T00:00:0{number}.000000Z")
        run_store.index(replace(run_store.claimed(request), status=status), clients)  # type: ignore[arg-type]


def test_runs_are_listed_newest_first_with_the_status_that_the_engine_shows(clients: Clients) -> None:
    several(clients, {"ended": "Failed", "lost": "Running", "killed": "Running", "going": "Running"})
    engine = Engine({"going": state("RUNNING"), "killed": state("TERMINATED"), "ended": state("RUNNING")})
    status, body = call(http.list_runs, engine, clients)
    assert status == 200
    assert [(run["run_id"], run["status"]) for run in body["runs"]] == [
        ("going", "Running"),
        ("killed", "Terminated"),
        ("lost", "Lost"),
        ("ended", "Failed"),
    ]
    assert body["runs"][0]["dataset"] == "iris_csv.csv"
    assert body["runs"][0]["claimed_at"] == "2026-01-01T00:00:03.000Z"
    assert body.keys() == {"runs"}, "there is no further page"


@pytest.mark.parametrize(
    "engine", [None, state("TERMINATED"), state("RUNNING")], ids=["forgotten", "killed", "again"]
)
def test_a_run_that_has_ended_is_listed_with_its_end_whatever_the_engine_knows(
    clients: Clients, engine: Any
) -> None:
    """An engine forgets its finished runs, or executes them again."""
    several(clients, {"a": "Succeeded", "b": "Failed", "c": "Cancelled"})
    states = dict.fromkeys("abc", engine) if engine else {}
    _, body = call(http.list_runs, Engine(states), clients)
    assert [run["status"] for run in body["runs"]] == ["Cancelled", "Failed", "Succeeded"]


@pytest.mark.parametrize(
    "filters", [{"status": "failed"}, {"dataset": "iris_csv.csv", "status": "failed"}], ids=str
)
def test_a_page_names_the_address_of_the_next_one_with_the_same_filters(
    clients: Clients, filters: dict[str, str]
) -> None:
    several(clients, {"a": "Failed", "b": "Failed", "c": "Succeeded", "d": "Failed"})
    _, body = listed(clients, top="2", **filters)
    assert [run["run_id"] for run in body["runs"]] == ["d", "b"]
    url = urlsplit(body["next"])
    assert (url.netloc, url.path) == ("app.invalid", "/api/runs")
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    assert query == filters | {"top": "2", "continuation": body["continuation"]}
    _, body = listed(clients, **query)
    assert [run["run_id"] for run in body["runs"]] == ["a"]
    assert "next" not in body


def test_runs_are_listed_by_dataset(clients: Clients) -> None:
    several(clients, {"a": "Failed"})
    assert len(listed(clients, dataset="iris_csv.csv")[1]["runs"]) == 1
    assert listed(clients, dataset="other.csv")[1]["runs"] == []


@pytest.mark.parametrize("top", ["1", "200", " 7 "])
def test_a_page_holds_1_to_200_runs(clients: Clients, top: str) -> None:
    assert listed(clients, top=top)[0] == 200


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"top": "0"}, "InvalidTop"),
        ({"top": "201"}, "InvalidTop"),
        ({"top": "-1"}, "InvalidTop"),
        ({"top": "many"}, "InvalidTop"),
        ({"top": ""}, "InvalidTop"),
        ({"top": "9" * 5000}, "InvalidTop"),
        ({"status": "Lost"}, "InvalidStatus"),
        ({"status": "\ud800"}, "InvalidStatus"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_wrong_query_is_400(clients: Clients, params: dict[str, str], code: str) -> None:
    status, body = listed(clients, **params)
    assert (status, body["error"]["code"]) == (400, code)


# --- Showing ------------------------------------------------------------------------------------------


def test_a_running_run_is_shown_with_what_its_engine_knows(clients: Clients) -> None:
    claimed(clients)
    custom = {"stage": "wait", "model": "iris:7", "settings": {"epochs": 7}, "metrics": {}, "dataset": "cut"}
    status, body = call(http.show_run, Engine({RUN: state("RUNNING", custom)}), clients, run_id=RUN)
    assert (status, body["status"], body["stage"]) == (200, "Running", "wait")
    assert (body["model_name"], body["model_version"]) == ("iris", "7")
    assert body["settings"] == {"epochs": 7}
    assert (body["dataset"], body["upload"]["etag"]) == ("iris_csv.csv", "0x8DC")


def test_a_run_is_shown_with_the_model_name_of_its_settings_until_it_has_a_model(clients: Clients) -> None:
    claimed(clients)
    custom = {"stage": "wait", "model": "", "settings": {"model_name": "iris"}}
    _, body = call(http.show_run, Engine({RUN: state("RUNNING", custom)}), clients, run_id=RUN)
    assert (body["model_name"], body["model_version"]) == ("iris", "")
    _, body = call(http.show_run, Engine({RUN: state("RUNNING")}), clients, run_id=RUN)
    assert (body["model_name"], body["model_version"]) == ("", "")


def test_a_terminated_run_is_shown_as_such_with_what_that_means(clients: Clients) -> None:
    claimed(clients)
    _, body = call(http.show_run, Engine({RUN: state("TERMINATED", {"stage": "wait"})}), clients, run_id=RUN)
    assert (body["status"], "cleaned up" in body["hint"]) == ("Terminated", True)


def test_a_run_is_shown_with_the_same_fields_in_every_state(clients: Clients) -> None:
    claimed(clients)
    custom = {"stage": "wait", "since": SINCE, "can_cancel": True}
    engines = {
        "not begun": Engine({RUN: state("PENDING")}),
        "running": Engine({RUN: state("RUNNING", custom)}),
        "broken": Engine({RUN: state("FAILED", custom, "why")}),
        "terminated": Engine({RUN: state("TERMINATED", custom)}),
        "lost": Engine(),
    }
    bodies = {name: call(http.show_run, engine, clients, run_id=RUN)[1] for name, engine in engines.items()}
    claimed(clients, status="Failed", error=Failure("wait", "TrainingFailed", "why"))
    bodies["ended"] = call(http.show_run, Engine(), clients, run_id=RUN)[1]
    claimed(clients, status="Succeeded")
    bodies["succeeded"] = call(http.show_run, Engine(), clients, run_id=RUN)[1]
    fields = {name: set(body) - {"hint"} for name, body in bodies.items()}
    assert all(each == fields["ended"] for each in fields.values()), fields
    assert {name: (body["stage"], body["since"], body["can_cancel"]) for name, body in bodies.items()} == {
        "not begun": ("", "", True),
        "running": ("wait", SINCE, True),
        "broken": ("wait", SINCE, False),
        "terminated": ("wait", "", False),
        "lost": ("", "", False),
        "ended": ("wait", "", False),
        "succeeded": ("", "", False),
    }


def test_an_engine_that_gives_no_reason_leaves_a_reason_to_read(clients: Clients) -> None:
    claimed(clients)
    _, body = call(http.show_run, Engine({RUN: state("COMPLETED")}), clients, run_id=RUN)
    assert body["error"] == {"stage": "", "code": "EngineFailed", "message": "it ended without a record."}


def test_a_run_whose_orchestration_broke_off_is_shown_as_failed_and_not_as_running_for_ever(
    clients: Clients,
) -> None:
    claimed(clients)
    engine = Engine({RUN: state("FAILED", {"stage": "record_run"}, "record_run kept failing: 503")})
    _, body = call(http.show_run, engine, clients, run_id=RUN)
    assert body["status"] == "Failed"
    assert body["error"] == {
        "stage": "record_run",
        "code": "EngineFailed",
        "message": "record_run kept failing: 503",
    }


def test_a_run_that_ends_while_it_is_being_shown_is_shown_as_it_ended(clients: Clients) -> None:
    claimed(clients)

    class Ending(Engine):
        def get_orchestration_state(self, instance_id: str, *, fetch_payloads: bool = True) -> Any:
            claimed(clients, status="Failed", error=Failure("wait", "TrainingFailed", "why"))
            return state("FAILED", failure="why")

    _, body = call(http.show_run, Ending(), clients, run_id=RUN)
    assert (body["status"], body["stage"], body["error"]["code"]) == ("Failed", "wait", "TrainingFailed")


def test_a_run_that_the_engine_lost_says_how_to_start_it_again(clients: Clients) -> None:
    claimed(clients)
    _, body = call(http.show_run, Engine(), clients, run_id=RUN)
    assert (body["status"], '{"dataset": "iris_csv.csv"}' in body["hint"]) == ("Lost", True)


def test_a_run_that_is_only_being_started_is_running_and_not_lost(clients: Clients) -> None:
    claimed(clients, claimed_at=run_store.now())
    _, body = call(http.show_run, Engine(), clients, run_id=RUN)
    assert (body["status"], body["stage"], body["can_cancel"]) == ("Running", "", False)
    assert [run["status"] for run in listed(clients)[1]["runs"]] == ["Running"]
    for function, wanted in WANTED.items():
        engine = Engine()
        status, body = call(function, engine, clients, b"", method="POST", run_id=RUN)
        assert (status, body["error"]["code"], engine.raised) == (409, "RunStarting", [])
        assert f"; try to {wanted} it in a few seconds." in body["error"]["message"]
        assert body["error"]["run_id"] == RUN


@pytest.mark.parametrize("run_id", ["none", "../x", "NONE", "x" * 200, "a b", "%2e%2e"])
def test_an_unknown_run_is_404(clients: Clients, run_id: str) -> None:
    for function in (http.show_run, http.cancel_run, http.approve_run, http.reject_run):
        status, body = call(function, Engine(), clients, b"", run_id=run_id)
        assert (status, body["error"]["code"]) == (404, "RunNotFound")


def test_a_run_with_a_report_says_where_it_lies(clients: Clients) -> None:
    claimed(clients, status="Succeeded", report=f"runs/{RUN}/report.html")
    _, body = call(http.show_run, Engine(), clients, run_id=RUN)
    assert body["report_url"] == f"https://example.invalid/blobs/runs/{RUN}/report.html"
    claimed(clients)
    custom = {"stage": "approve", "report": f"runs/{RUN}/report.html"}
    _, body = call(http.show_run, Engine({RUN: state("RUNNING", custom)}), clients, run_id=RUN)
    assert body["report_url"].endswith(f"/runs/{RUN}/report.html")
    _, body = call(http.show_run, Engine({RUN: state("RUNNING")}), clients, run_id=RUN)
    assert body["report_url"] == ""


# --- Deciding -----------------------------------------------------------------------------------------

SINCE = "2026-01-01T00:03:08.000Z"
WAITING = {"stage": "approve", "since": SINCE, "can_cancel": True, "approval": None}
KEY = "a key of the app"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
FINGERPRINT = DIGEST[:8]


def decide(
    function: Any, clients: Clients, body: Any = b"", *, custom: Json | None = None, **how: Any
) -> tuple[int, Any, Engine]:
    engine = Engine({RUN: state("RUNNING", custom or WAITING)})
    status, answer = call(function, engine, clients, body, method="POST", run_id=RUN, **how)
    return status, answer, engine


def kept(clients: Clients) -> Approval | None:
    """The decision that the run reads once it is woken."""
    return run_files.decision_of(RUN, SINCE, clients)


@pytest.mark.parametrize(
    ("function", "verdict"), [(http.approve_run, "approved"), (http.reject_run, "rejected")]
)
def test_a_decision_is_kept_with_who_and_when_and_the_event_says_nothing(
    clients: Clients, function: Any, verdict: str
) -> None:
    claimed(clients)
    status, answer, engine = decide(function, clients, {"comment": "seen"}, headers={"x-functions-key": KEY})
    assert (status, answer) == (202, {"run_id": RUN, "url": f"https://app.invalid/api/runs/{RUN}"})
    assert (engine.raised, engine.data) == ([(RUN, "decision")], [{}])
    found = kept(clients)
    assert found is not None
    assert abs(datetime.now(UTC) - datetime.fromisoformat(found.at)) < timedelta(minutes=5)
    assert found == Approval(verdict, f"function key {FINGERPRINT}", found.at, "seen", f"key:{DIGEST}")  # type: ignore[arg-type]


def test_the_first_decision_of_a_wait_counts_and_that_of_another_wait_does_not(clients: Clients) -> None:
    claimed(clients)
    decide(http.reject_run, clients, custom=WAITING | {"since": "2026-01-01T00:00:00.000Z"})
    assert kept(clients) is None
    decide(http.approve_run, clients)
    assert decide(http.reject_run, clients)[0] == 202
    found = kept(clients)
    assert found is not None
    assert found.decision == "approved"


@pytest.mark.parametrize("body", [b"", b" \n", {}, {"comment": ""}])
def test_a_decision_needs_no_comment(clients: Clients, body: Any) -> None:
    claimed(clients)
    status, _, _ = decide(http.approve_run, clients, body)
    found = kept(clients)
    assert found is not None
    assert (status, found.comment) == (202, "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "InvalidJson"),
        ([], "InvalidJson"),
        (None, "InvalidJson"),
        ({"comment": "x" * 1001}, "InvalidComment"),
        ({"comment": None}, "InvalidComment"),
        ({"comment": ["x"]}, "InvalidComment"),
        ({"comment": "\ud800"}, "InvalidComment"),
        ({"approved": True}, "UnknownField"),
        ({"comment": "x", "by": "boss"}, "UnknownField"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_wrong_decision_is_400_and_decides_nothing(clients: Clients, body: Any, code: str) -> None:
    claimed(clients)
    status, answer, engine = decide(http.reject_run, clients, body)
    assert (status, answer["error"]["code"], engine.raised) == (400, code, [])
    assert kept(clients) is None


@pytest.mark.parametrize(
    ("custom", "why"),
    [
        ({"stage": "wait", "since": SINCE, "can_cancel": True}, "its stage is wait."),
        ({"stage": "smoke_test", "since": SINCE, "can_cancel": True}, "its stage is smoke_test."),
        ({"stage": "promote", "since": SINCE, "can_cancel": False}, "its stage is promote."),
        (WAITING | {"can_cancel": False}, "it has already been decided."),
        (WAITING | {"approval": {"decision": "approved"}}, "it has already been decided."),
        ({"stage": "", "since": ""}, "its stage is the first."),
    ],
    ids=str,
)
def test_a_run_that_does_not_wait_is_409_and_left_alone(clients: Clients, custom: Json, why: str) -> None:
    claimed(clients)
    status, answer, engine = decide(http.approve_run, clients, custom=custom)
    assert (status, answer["error"]["code"], engine.raised) == (409, "NotWaiting", [])
    assert kept(clients) is None
    assert f"does not wait for a decision: {why} " in answer["error"]["message"]


def test_a_run_that_has_not_begun_does_not_wait_for_a_decision(clients: Clients) -> None:
    claimed(clients)
    engine = Engine({RUN: state("PENDING")})
    status, answer = call(http.reject_run, engine, clients, b"", method="POST", run_id=RUN)
    assert (status, answer["error"]["code"], engine.raised) == (409, "NotWaiting", [])
    assert "does not wait for a decision: its stage is the first. " in answer["error"]["message"]


@pytest.mark.parametrize(
    ("record", "engine", "code"),
    [
        ({"status": "Succeeded"}, state("COMPLETED"), "RunEnded"),
        ({}, state("TERMINATED", WAITING), "RunEnded"),
        ({}, None, "RunLost"),
    ],
)
def test_a_run_that_has_ended_or_is_lost_cannot_be_decided_on(
    clients: Clients, record: Json, engine: Any, code: str
) -> None:
    claimed(clients, **record)
    client = Engine({RUN: engine} if engine else {})
    for function in (http.approve_run, http.reject_run):
        status, body = call(function, client, clients, b"", method="POST", run_id=RUN)
        assert (status, body["error"]["code"], client.raised) == (409, code, [])


PERSON = "0f8fad5b-d9cb-469f-a165-70867728950e"
CLAIMS = [{"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": PERSON}]
PRINCIPAL = {
    "x-ms-client-principal": b64encode(json.dumps({"auth_typ": "aad", "claims": CLAIMS}).encode()).decode(),
    "x-ms-client-principal-id": PERSON,
    "x-ms-client-principal-name": "boss@example.com",
    "x-ms-client-principal-idp": "aad",
}
"""The headers of App Service authentication for a person of Entra ID."""


def by(
    blobs: Blobs,
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    app: App = SETTINGS,
) -> str:
    """The name that a decision is kept with."""
    clients = Wire(blobs).clients(app)
    claimed(clients)
    for path in [path for path in blobs.blobs if "/decision-" in path]:
        del blobs.blobs[path]
    decide(http.approve_run, clients, headers=headers, params=params)
    found = kept(clients)
    assert found is not None
    return found.by


def test_a_person_is_believed_only_where_app_service_signs_in(blobs: Blobs) -> None:
    signed = PRINCIPAL | {"x-functions-key": KEY}
    assert by(blobs, signed) == f"function key {FINGERPRINT}"
    app = replace(SETTINGS, signs_in=True)
    assert by(blobs, signed, app=app) == "boss@example.com"
    nameless = {name: value for name, value in signed.items() if not name.endswith("-name")}
    assert by(blobs, nameless, app=app) == PERSON
    assert by(blobs, {"x-functions-key": KEY}, app=app) == f"function key {FINGERPRINT}"
    assert by(blobs, signed | {"x-ms-client-principal-name": "a\r\nb" * 200}, app=app) == ("ab" * 200)[:256]


def test_the_key_is_identified_by_its_hash_and_never_revealed(blobs: Blobs) -> None:
    assert by(blobs, params={"code": KEY}) == f"function key {FINGERPRINT}"
    assert by(blobs, {"x-functions-key": KEY}, {"code": "another"}) == f"function key {FINGERPRINT}"
    assert by(blobs, {"x-functions-key": f"{KEY}, junk"}) == f"function key {FINGERPRINT}"
    assert not any(KEY.encode() in blob.content for blob in blobs.blobs.values())
    assert by(blobs) == "somebody without a key"


def test_whoever_has_started_a_run_cannot_approve_it_but_may_reject_it(clients: Clients) -> None:
    engine = Engine()
    _, body = call(
        http.start_run,
        engine,
        clients,
        {"dataset": "iris_csv.csv"},
        method="POST",
        headers={"x-functions-key": KEY},
    )
    assert body["run_id"] == RUN
    engine.states[RUN] = state("RUNNING", WAITING)
    own = {"x-functions-key": KEY}
    status, body = call(http.approve_run, engine, clients, b"", method="POST", run_id=RUN, headers=own)
    assert (status, body["error"]["code"], kept(clients)) == (403, "OwnRun", None)
    status, _ = call(http.reject_run, engine, clients, b"", method="POST", run_id=RUN, headers=own)
    assert status == 202
    _, body = call(http.show_run, engine, clients, run_id=RUN)
    assert body["started_by"] == {"name": f"function key {FINGERPRINT}", "id": f"key:{DIGEST}"}


def test_another_than_the_starter_approves(clients: Clients) -> None:
    claimed(clients, started_by=Caller("function key 1", "key:1"))
    assert decide(http.approve_run, clients, headers={"x-functions-key": KEY})[0] == 202


@pytest.mark.parametrize("function", [http.approve_run, http.reject_run])
def test_only_approvers_decide_where_the_app_names_them(blobs: Blobs, function: Any) -> None:
    for approver, headers in ((f"key:{DIGEST}", {"x-functions-key": KEY}), (f"entra:{PERSON}", PRINCIPAL)):
        app = replace(SETTINGS, approvers=frozenset({approver}), signs_in=True)
        clients = Wire(blobs).clients(app)
        claimed(clients)
        for other in ({"x-functions-key": "another"}, {}, {"x-functions-key": DIGEST}):
            status, answer, engine = decide(function, clients, headers=other)
            assert (status, answer["error"]["code"], engine.raised) == (403, "NotAnApprover", [])
            assert "TOUCHDOWN_APPROVERS" in answer["error"]["message"]
        assert decide(function, clients, headers=headers)[0] == 202


# --- Cancelling ---------------------------------------------------------------------------------------


def test_a_running_run_is_cancelled_by_an_event(clients: Clients) -> None:
    claimed(clients)
    engine = Engine({RUN: state("RUNNING", {"stage": "wait", "can_cancel": True})})
    status, body = call(http.cancel_run, engine, clients, method="POST", run_id=RUN)
    assert (status, body["run_id"], engine.raised) == (202, RUN, [(RUN, "cancel")])
    found = run_files.cancel_of(RUN, clients)
    assert found is not None
    assert (found.by, found.by_id) == ("somebody without a key", "")


@pytest.mark.parametrize(
    ("record", "engine", "code"),
    [
        ({"status": "Succeeded"}, state("COMPLETED"), "RunEnded"),
        ({"status": "Failed"}, None, "RunEnded"),
        ({}, state("COMPLETED"), "RunEnded"),
        ({}, state("TERMINATED"), "RunEnded"),
        ({}, None, "RunLost"),
        ({}, state("RUNNING", {"stage": "promote", "can_cancel": False}), "TooLate"),
    ],
)
def test_a_run_that_cannot_be_cancelled_is_409_and_left_alone(
    clients: Clients, record: Json, engine: Any, code: str
) -> None:
    claimed(clients, **record)
    client = Engine({RUN: engine} if engine else {})
    status, body = call(http.cancel_run, client, clients, method="POST", run_id=RUN)
    assert (status, body["error"]["code"], client.raised) == (409, code, [])
    assert run_files.cancel_of(RUN, clients) is None


def test_a_cancel_that_comes_too_late_names_the_stage_that_it_came_in(clients: Clients) -> None:
    claimed(clients)
    engine = Engine({RUN: state("RUNNING", {"stage": "promote", "can_cancel": False})})
    _, body = call(http.cancel_run, engine, clients, method="POST", run_id=RUN)
    assert body["error"]["message"] == (
        f"run {RUN} is at stage promote, in which it can no longer be cancelled."
    )


@pytest.mark.parametrize(("status", "words"), [("Succeeded", "Succeeded"), ("Running", "at its end")])
def test_a_run_that_has_ended_says_so_even_before_its_record_does(
    clients: Clients, status: str, words: str
) -> None:
    claimed(clients, status=status)
    engine = Engine({RUN: state("COMPLETED")})
    for function, wanted in WANTED.items():
        _, body = call(function, engine, clients, b"", method="POST", run_id=RUN)
        assert body["error"]["message"] == f"run {RUN} is {words}; there is nothing left to {wanted}."
