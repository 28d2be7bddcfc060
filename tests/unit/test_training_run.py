"""The orchestration of a run, with every way in which it can end: on Microsoft's engine, in virtual time."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Literal

import pytest
from azure.durable_functions.internal.serialization import DEFAULT_FUNCTIONS_DATA_CONVERTER as JSON
from localcloud.functions.protocol import CUSTOM_STATUS_LIMIT
from localcloud.functions.testing import Event, Rehearsal

from orchestrators.training_run import MOST_INSPECTIONS, training_run
from orchestrators.waiting import POLLS_PER_GENERATION
from runs.contracts import Inspection, Json, RunSettings, Upload, to_json
from runs.errors import TransientError
from runs.findings import Dropped
from runs.steps import Champion, Promotion, ProvisioningStatus, SmokeTestStatus, Training
from tests.unit.rehearsed import (
    CANCEL,
    CHAMPION,
    CHOICE,
    CLEAN_UP,
    COMPLETED,
    DATASET,
    DEPLOYMENT,
    ENDPOINT,
    FAILED,
    GATE,
    LATER,
    MODEL,
    PIPELINE_RUN,
    POLLING,
    READY,
    REJECTED,
    REQUEST,
    RESULT,
    RUN,
    STEPS,
    UPLOAD,
    Step,
    always,
    asking,
    attempts,
    cleaned_up,
    decision,
    failing,
    first_generation,
    good,
    in_turn,
    inputs,
    inspected,
    polling_rarely,
    published,
    record,
    refusal,
    rehearse,
    rehearse_with_cancel,
    seconds,
    training,
    with_settings,
)

# --- A run that goes well -----------------------------------------------------------------------------


def test_a_good_run_goes_through_the_eleven_steps_in_order() -> None:
    outcome = rehearse()
    assert outcome.status is COMPLETED
    assert [status["stage"] for status in outcome.statuses if status["stage"]] == [
        status["stage"] for status in outcome.statuses
    ]
    assert list(dict.fromkeys(status["stage"] for status in outcome.statuses)) == list(STEPS)
    assert [name for name in dict.fromkeys(outcome.names) if name in STEPS] == [
        name for name in STEPS if name != "wait"
    ]


def test_the_record_of_a_good_run_holds_everything_about_it() -> None:
    outcome = rehearse()
    written = record(outcome)
    assert written == replace(
        written,
        run_id=RUN,
        status="Succeeded",
        outcome="promoted",
        dataset="iris_csv.csv",
        upload=UPLOAD,
        source="event",
        given_settings={"epochs": 20},
        settings=DATASET.settings,
        pipeline_run_id=PIPELINE_RUN,
        mlflow_run_id="ab12",
        metrics={"accuracy": 0.97},
        model_name="iris_classification",
        model_version="7",
        endpoint=ENDPOINT,
        deployment=DEPLOYMENT,
        predictions=["setosa", "virginica", "setosa"],
        error=None,
        warnings=[],
    )
    assert [stage.name for stage in written.stages] == list(STEPS)
    assert all(stage.started <= stage.ended for stage in written.stages)
    assert seconds(written.stages[2].ended) - seconds(written.stages[2].started) == 180
    assert written.ended_at == written.stages[-1].ended
    assert outcome.output == inputs(outcome, "record_run")[0]


def test_custom_status_shows_the_stage_since_when_and_the_ids_so_far() -> None:
    outcome = rehearse()
    at = {status["stage"]: status for status in outcome.statuses}
    for number, stage in enumerate(STEPS):
        assert at[stage]["since"] == at[stage]["stages"][number]["started"]
        assert [each["name"] for each in at[stage]["stages"]] == list(STEPS[: number + 1])
    assert at["inspect_dataset"]["pipeline_run_id"] == ""
    assert at["start_training"]["endpoint"] == ENDPOINT
    assert at["wait"]["pipeline_run_id"] == PIPELINE_RUN
    assert at["wait"]["settings"]["epochs"] == 20
    assert at["register_model"]["mlflow_run_id"] == "ab12"
    assert at["register_model"]["metrics"] == {"accuracy": 0.97}
    assert at["ensure_compute"]["model"] == "iris_classification:7"
    assert at["deploy_model"]["deployment"] == DEPLOYMENT


def test_the_record_shows_what_the_model_was_chosen_from() -> None:
    chosen = replace(RESULT, algorithm="blend", choice=CHOICE)
    assert record(rehearse(good(read_training_result=always(chosen)))).choice == CHOICE
    assert record(rehearse()).choice is None


def test_custom_status_of_a_run_that_has_just_begun_is_empty_where_nothing_is_known_yet() -> None:
    outcome = rehearse()
    started = record(outcome).stages[0].started
    assert outcome.statuses[0] == {
        "stage": "inspect_dataset",
        "since": started,
        "dataset": "iris_csv.csv",
        "etag": UPLOAD.etag,
        "uploaded_at": UPLOAD.uploaded_at,
        "settings": None,
        "metrics": {},
        "gate": None,
        "notes": [],
        "approval": None,
        "stages": [{"name": "inspect_dataset", "started": started, "ended": ""}],
        "can_cancel": True,
    } | dict.fromkeys(
        ("pipeline_run_id", "mlflow_run_id", "model", "endpoint", "deployment"), ""
    ) | dict.fromkeys(("task", "algorithm", "verdict", "report", "waiting_for", "approval_reason"), "")


def test_custom_status_says_what_the_smoke_test_waits_for_and_only_then() -> None:
    jobs = in_turn(
        SmokeTestStatus(False, "job-1", waiting_for="scoring job job-1 is Running: its image is built"),
        SmokeTestStatus(True, "job-1", 3, ["setosa", "virginica", "setosa"]),
    )
    said = [(each["stage"], each["waiting_for"]) for each in rehearse(good(smoke_test=jobs)).statuses]
    assert {waiting for stage, waiting in said if stage != "smoke_test"} == {""}
    assert [waiting for stage, waiting in said if stage == "smoke_test"] == [
        "",
        "scoring job job-1 is Running: its image is built",
    ]


def test_custom_status_shows_the_beginning_of_what_the_smoke_test_waits_for() -> None:
    jobs = in_turn(
        SmokeTestStatus(False, "job-1", waiting_for="w" * 1001),
        SmokeTestStatus(True, "job-1", 3, ["setosa"]),
    )
    said = {each["waiting_for"] for each in rehearse(good(smoke_test=jobs)).statuses}
    assert said == {"", f"{'w' * 1000}…"}


def test_custom_status_stays_below_the_hosts_limit_whatever_the_names() -> None:
    upload = Upload("blobs", f"datasets/{'数' * 900}.csv", "0x8DC", UPLOAD.uploaded_at)
    long = with_settings(
        label="据" * 256,
        model_name="m" * 255,
        endpoint_name="e" * 32,
        vm_size="V" * 256,
        compute_name="c" * 24,
        approval="required",
    )
    assert GATE.champion is not None
    champion = replace(GATE.champion, model=f"{'m' * 255}:1000000", error="失" * 500)
    found = replace(
        RESULT,
        mlflow_run_id="f" * 32,
        metrics={f"metric_{number}": 0.1 + 0.2 for number in range(20)},
        gate=replace(GATE, reasons=["因" * 500] * 20, champion=champion),
        notes=["注" * 500] * 20,
        dropped_columns=[Dropped("列" * 256, "理" * 500)] * 20,
        report=f"runs/{'r' * 80}/report.html",
    )
    outcome = rehearse(
        good(inspect_dataset=long, read_training_result=always(found)),
        [READY, decision(approved=True, by="人" * 256, comment="言" * 1000)],
        request=replace(REQUEST, upload=upload),
    )
    assert outcome.status is COMPLETED
    assert record(outcome).outcome == "promoted"
    longest = max(len((JSON.serialize(status) or "").encode("utf-16-le")) for status in outcome.statuses)
    assert longest < CUSTOM_STATUS_LIMIT * 0.95


def test_custom_status_holds_what_the_record_does_except_for_the_comment() -> None:
    outcome = rehearse(asking(), [READY, decision(approved=True, by="boss")])
    written = record(outcome)
    assert written.approval is not None
    status = next(each for each in reversed(outcome.statuses) if each["stage"] == "promote")
    stages = [to_json(stage) for stage in written.stages[:-1]]
    assert status == {
        "stage": "promote",
        "since": written.stages[-2].started,
        "dataset": "iris_csv.csv",
        "etag": UPLOAD.etag,
        "uploaded_at": UPLOAD.uploaded_at,
        "pipeline_run_id": PIPELINE_RUN,
        "mlflow_run_id": "ab12",
        "model": "iris_classification:7",
        "endpoint": ENDPOINT,
        "deployment": DEPLOYMENT,
        "settings": to_json(written.settings),
        "metrics": {"accuracy": 0.97},
        "task": "classification",
        "algorithm": "linear",
        "verdict": "deploy",
        "gate": to_json(GATE),
        "notes": RESULT.notes,
        "report": RESULT.report,
        "approval": to_json(replace(written.approval, comment="")),
        "approval_reason": "the setting approval is required",
        "stages": [*stages[:-1], stages[-1] | {"ended": ""}],
        "can_cancel": False,
        "waiting_for": "",
    }


def test_custom_status_shows_the_beginning_of_long_texts() -> None:
    assert GATE.champion is not None
    champion = replace(GATE.champion, model="m" * 301, error="e" * 401)
    gate = replace(GATE, reasons=[f"{number}{'r' * 500}" for number in range(4)], champion=champion)
    notes = [f"{number}{'n' * 200}" for number in range(6)]
    long = replace(RESULT, gate=gate, notes=notes)
    said = decision(approved=True, by="b" * 301, comment="c" * 1000)
    outcome = rehearse(asking(read_training_result=always(long)), [READY, said])
    status = next(each for each in outcome.statuses if each["stage"] == "promote")
    assert status["gate"]["champion"]["model"] == f"{'m' * 300}…"
    assert status["gate"]["champion"]["error"] == f"{'e' * 400}…"
    assert status["gate"]["reasons"] == [f"{number}{'r' * 499}…" for number in range(3)]
    assert status["notes"] == [f"{number}{'n' * 199}…" for number in range(5)]
    assert status["approval"]["by"] == f"{'b' * 300}…"
    assert status["approval"]["comment"] == ""


def test_every_step_is_given_what_the_steps_before_it_found() -> None:
    outcome = rehearse()
    assert inputs(outcome, "inspect_dataset") == [first_generation()["request"]]
    (trained,) = inputs(outcome, "read_training_result")
    assert (trained["path"], trained["champion"]) == (MODEL, to_json(CHAMPION))
    (model,) = inputs(outcome, "register_model")
    assert model["result"]["folder"] == RESULT.folder
    assert inputs(outcome, "deploy_model")[0]["version"] == "7"
    assert inputs(outcome, "smoke_test")[0]["model"] == RESULT.folder


def test_no_step_is_told_a_setting() -> None:
    """Each reads the settings in storage, by the run and the version of its dataset."""
    names = {each.name for each in fields(RunSettings)}
    others = {"inspect_dataset", "get_training_status", "read_cancel", "publish_event", "record_run"}
    for call in (*rehearse().calls, *rehearse_with_cancel("smoke_test").calls):
        if call.name in others:
            continue
        given = call.input
        assert (given["run_id"], given["etag"]) == (RUN, UPLOAD.etag), call.name
        assert not {*names, "settings", "upload"} & set(given), call.name


def test_the_operation_that_a_step_has_started_is_given_to_its_next_poll() -> None:
    outcome = rehearse()
    for step, started in {
        "ensure_compute": "op/compute",
        "ensure_endpoint": "op/endpoint",
        "deploy_model": "op/deployment",
        "smoke_test": "job-1",
        "promote": "op/default",
    }.items():
        assert [each["operation_url"] for each in inputs(outcome, step)] == ["", started], step


def test_the_default_moves_only_after_the_new_deployment_has_scored() -> None:
    names = rehearse().names
    assert names.index("promote") > max(i for i, name in enumerate(names) if name == "smoke_test")
    assert names.index("prune_deployments") > max(i for i, name in enumerate(names) if name == "promote")


def test_a_good_run_cleans_nothing_up() -> None:
    assert cleaned_up(rehearse()) == []


def test_a_superseded_run_succeeds_and_says_so() -> None:
    outcome = rehearse(good(promote=always(Promotion(True, "", "superseded"))))
    assert (record(outcome).status, record(outcome).outcome) == ("Succeeded", "superseded")
    assert inputs(outcome, "publish_event")[-1]["data"]["outcome"] == "superseded"


def test_a_run_goes_on_with_the_version_of_the_dataset_that_it_found() -> None:
    outcome = rehearse(good(inspect_dataset=inspected(upload=LATER)))
    (first,) = inputs(outcome, "inspect_dataset")
    assert first["upload"] == to_json(UPLOAD)
    for step in ("start_training", "read_training_result", "register_model", "deploy_model", "promote"):
        for given in inputs(outcome, step):
            assert given["etag"] == LATER.etag, step
    assert record(outcome).upload == LATER
    assert {event["data"]["etag"] for event in inputs(outcome, "publish_event")} == {LATER.etag}
    at = {status["stage"]: (status["etag"], status["uploaded_at"]) for status in outcome.statuses}
    assert at["start_training"] == at["wait"] == (LATER.etag, LATER.uploaded_at)


STDERR = "dataset iris_csv.csv has changed since this run inspected it"
CHANGED = training("Failed", exit_code=3, stderr=STDERR)
"""The status of a training that found another ETag than the one that it was given."""


def trainings(*statuses: Json) -> dict[str, Step]:
    """The steps of a run that finds another version at each inspection; statuses: of its pipeline runs."""
    number = 0

    def inspect(given: Json) -> Json:
        nonlocal number
        number += 1
        version = replace(UPLOAD, etag=f"0x{number}")
        return to_json(Inspection(replace(DATASET, upload=version)))

    def start(given: Json) -> Json:
        return to_json(Training(RUN, f"pipeline-run-{number}"))

    def status(given: Json) -> Json:
        return statuses[int(given["pipeline_run_id"].rpartition("-")[2]) - 1]

    return good(inspect_dataset=inspect, start_training=start, get_training_status=status)


def test_a_dataset_that_changes_before_the_training_has_read_it_is_inspected_and_trained_on_again() -> None:
    outcome = rehearse(trainings(CHANGED, training("InProgress")))
    assert outcome.status is COMPLETED
    written = record(outcome)
    assert (written.status, written.outcome, written.error) == ("Succeeded", "promoted", None)
    assert [stage.name for stage in written.stages] == [*STEPS[:3], *STEPS]
    assert (written.upload.etag, written.pipeline_run_id) == ("0x2", "pipeline-run-2")
    assert [given["upload"]["etag"] for given in inputs(outcome, "inspect_dataset")] == ["0x8DC", "0x1"]
    assert [given["etag"] for given in inputs(outcome, "start_training")] == ["0x1", "0x2"]
    assert inputs(outcome, "promote")[-1]["etag"] == "0x2"
    assert published(outcome) == ["RunStarted", "RunSucceeded"]
    assert cleaned_up(outcome) == []


def test_a_model_of_the_second_training_is_used_as_soon_as_its_event_comes() -> None:
    outcome = rehearse(trainings(CHANGED, training("InProgress")))
    waited = record(outcome).stages[5]
    assert waited.name == "wait"
    assert READY.after.total_seconds() <= seconds(waited.ended) < READY.after.total_seconds() + 1


def test_a_dataset_that_keeps_changing_fails_the_run_with_what_the_trainer_said() -> None:
    outcome = rehearse(trainings(CHANGED, CHANGED, CHANGED), events=[])
    assert outcome.status is FAILED
    error = record(outcome).error
    assert error is not None
    assert (error.stage, error.code) == ("wait", "DatasetChanged")
    assert error.message == (
        f"pipeline run pipeline-run-3 failed: the trainer exited with 3: {STDERR}; it has been inspected 3"
        " times. Once nothing writes to it any more, start a run with POST /api/runs."
    )
    assert len(inputs(outcome, "start_training")) == MOST_INSPECTIONS == 3
    left = inputs(outcome, "cancel_training")[0]
    assert (left["pipeline_run_id"], left["etag"]) == ("pipeline-run-3", "0x3")


def test_a_dataset_that_another_run_has_claimed_by_the_time_that_it_is_inspected_again_is_left_to_that() -> (
    None
):
    other = "iris-csv-aaaaaaaaaaaaaaaa"
    steps = good(
        inspect_dataset=in_turn(Inspection(DATASET), Inspection(superseded_by=other)),
        get_training_status=in_turn(CHANGED),
    )
    outcome = rehearse(steps, events=[])
    assert outcome.status is COMPLETED
    written = record(outcome)
    assert (written.outcome, written.superseded_by, written.error) == ("superseded", other, None)
    assert [stage.name for stage in written.stages] == [*STEPS[:3], "inspect_dataset", "record_run"]


def test_an_event_or_a_cancel_during_the_second_inspection_is_not_lost() -> None:
    steps = trainings(CHANGED, training("InProgress"))
    outcome = rehearse_with_cancel("inspect_dataset", steps, call=2)
    assert record(outcome).status == "Cancelled"
    assert len(inputs(outcome, "start_training")) == 1


def test_a_later_generation_inspects_a_changed_dataset_again() -> None:
    rarely = replace(DATASET, polling=replace(POLLING, run_first=900))
    polls = 0

    def status(_: Json) -> Json:
        nonlocal polls
        polls += 1
        return CHANGED if polls == POLLS_PER_GENERATION + 1 else training("InProgress")

    steps = good(
        inspect_dataset=in_turn(Inspection(rarely), Inspection(replace(rarely, upload=LATER))),
        get_training_status=status,
    )
    outcome = rehearse(steps, events=[replace(READY, after=timedelta(hours=14))])
    assert outcome.status is COMPLETED
    assert (record(outcome).upload, record(outcome).outcome) == (LATER, "promoted")
    assert published(outcome) == ["RunStarted", "RunSucceeded"]


def test_a_later_generation_keeps_the_version_that_the_run_found() -> None:
    rarely = inspected(upload=LATER, polling=replace(POLLING, run_first=900))
    outcome = rehearse(good(inspect_dataset=rarely), events=[replace(READY, after=timedelta(hours=13))])
    assert outcome.status is COMPLETED
    assert len(inputs(outcome, "get_training_status")) > POLLS_PER_GENERATION
    assert record(outcome).upload == LATER
    assert inputs(outcome, "promote")[-1]["etag"] == LATER.etag


def test_a_run_whose_dataset_another_run_has_claimed_ends_as_superseded_and_names_that_run() -> None:
    other = "iris-csv-aaaaaaaaaaaaaaaa"
    outcome = rehearse(good(inspect_dataset=always(Inspection(superseded_by=other))))
    assert outcome.status is COMPLETED
    written = record(outcome)
    assert (written.status, written.outcome, written.superseded_by) == ("Succeeded", "superseded", other)
    assert (written.upload, written.error, written.warnings) == (UPLOAD, None, [])
    assert [stage.name for stage in written.stages] == ["inspect_dataset", "record_run"]
    assert set(outcome.names) == {"inspect_dataset", "publish_event", "record_run"}
    assert published(outcome) == ["RunStarted", "RunSucceeded"]
    last = inputs(outcome, "publish_event")[-1]["data"]
    assert (last["outcome"], last["superseded_by"]) == ("superseded", other)


def test_a_cancel_does_not_change_that_another_run_has_the_dataset() -> None:
    steps = good(inspect_dataset=always(Inspection(superseded_by="iris-csv-aaaaaaaaaaaaaaaa")))
    written = record(rehearse_with_cancel("inspect_dataset", steps))
    assert (written.status, written.outcome) == ("Succeeded", "superseded")


@pytest.mark.parametrize("outcome", ["promoted", "superseded"])
def test_a_run_prunes_whatever_came_of_its_promotion(outcome: Literal["promoted", "superseded"]) -> None:
    """The deployment of a superseded run is not the default, and while it ran, no other run deleted it."""
    run = rehearse(good(promote=always(Promotion(True, "", outcome))))
    assert [each["run_id"] for each in inputs(run, "prune_deployments")] == [RUN] * 2
    assert run.names.index("prune_deployments") > run.names.index("promote")


def test_a_failed_prune_is_a_warning_in_a_run_that_succeeded() -> None:
    outcome = rehearse(good(prune_deployments=failing("Conflict (409): deployment old is busy")))
    assert outcome.status is COMPLETED
    assert record(outcome).status == "Succeeded"
    (warning,) = record(outcome).warnings
    assert "prune_deployments" in warning
    assert "deployment old is busy" in warning


# --- The gate -----------------------------------------------------------------------------------------


def test_the_champion_is_found_before_training_and_handed_to_it() -> None:
    outcome = rehearse()
    assert inputs(outcome, "find_champion") == [{"run_id": RUN, "etag": UPLOAD.etag}]
    assert outcome.names.index("find_champion") + 1 == outcome.names.index("start_training")
    (given,) = inputs(outcome, "start_training")
    assert given["champion"] == to_json(CHAMPION)
    assert "find_champion" not in {stage.name for stage in record(outcome).stages}


def test_a_first_model_has_no_champion() -> None:
    outcome = rehearse(good(find_champion=always(Champion())))
    assert record(outcome).outcome == "promoted"
    assert inputs(outcome, "start_training")[0]["champion"] == to_json(Champion())


def test_a_champion_that_is_stored_elsewhere_becomes_a_warning() -> None:
    elsewhere = good(
        find_champion=always(Champion("bought:1", "", "default")),
        read_training_result=always(replace(RESULT, gate=replace(GATE, champion=None))),
    )
    outcome = rehearse(elsewhere, [READY, decision(approved=True)])
    (warning,) = record(outcome).warnings
    assert warning == (
        "find_champion: the model bought:1 of the default deployment is not one that Touchdown stored in this"
        " container and tagged with its hash, so the new model is not compared with it."
    )
    assert record(outcome).approval_reason == (
        "the model was not compared with the champion bought:1: it is no model of this app, or it was deleted"
    )


def test_a_model_that_the_gate_rejects_is_registered_and_nothing_is_deployed() -> None:
    outcome = rehearse(good(read_training_result=always(REJECTED)))
    written = record(outcome)
    assert outcome.status is COMPLETED
    assert (written.status, written.outcome, written.error) == ("Succeeded", "kept_champion", None)
    assert [stage.name for stage in written.stages] == [*STEPS[:5], "record_run"]
    assert (written.model_version, written.deployment) == ("7", "")
    assert (written.verdict, written.gate) == ("keep_champion", REJECTED.gate)
    (given,) = inputs(outcome, "register_model")
    assert given["result"]["gate"]["champion"]["value"] == 0.95
    assert cleaned_up(outcome) == []
    assert published(outcome) == ["RunStarted", "RunSucceeded"]
    last = inputs(outcome, "publish_event")[-1]["data"]
    assert (last["outcome"], last["verdict"], last["deployment"]) == ("kept_champion", "keep_champion", "")


def test_a_rejected_model_needs_no_approval() -> None:
    outcome = rehearse(asking(read_training_result=always(REJECTED)))
    assert record(outcome).outcome == "kept_champion"
    assert record(outcome).approval is None


def test_the_record_and_the_custom_status_show_the_result_of_the_training() -> None:
    outcome = rehearse()
    written = record(outcome)
    assert (written.task, written.algorithm, written.verdict) == ("classification", "linear", "deploy")
    assert (written.gate, written.notes, written.report) == (GATE, RESULT.notes, RESULT.report)
    assert (written.dropped_columns, written.dropped_rows) == (RESULT.dropped_columns, 2)
    at = {status["stage"]: status for status in outcome.statuses}
    assert at["start_training"]["task"] == "classification"
    assert at["wait"]["gate"] is None
    assert at["register_model"]["gate"] == to_json(GATE)
    assert (at["promote"]["verdict"], at["promote"]["report"]) == ("deploy", RESULT.report)


# --- Failing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("wait", "record_run")])
def test_a_step_that_refuses_fails_the_run_at_once_and_leaves_the_default(step: str) -> None:
    outcome = rehearse(good(**{step: in_turn(refusal("Forbidden", f"{step} may not do that (403)."))}))
    written = record(outcome)
    assert outcome.status is FAILED
    assert written.status == "Failed"
    assert written.error is not None
    assert (written.error.stage, written.error.code) == (step, "Forbidden")
    assert written.error.message == f"{step} may not do that (403)."
    assert outcome.names.count(step) == 1, "a refusal is not retried"
    assert cleaned_up(outcome) == CLEAN_UP.get(step, ["cancel_scoring", "delete_deployment"])
    assert published(outcome) == ["RunStarted", "RunFailed"]
    assert ("promote" in outcome.names) == (step == "promote")


@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("wait", "record_run")])
def test_a_transient_fault_of_a_step_leaves_no_trace_in_the_record(step: str) -> None:
    plain, fault = good()[step], TransientError("TooManyRequests (429): slow down")
    left = [fault, fault]

    def flaky(step_input: Json) -> Json:
        if left:
            raise left.pop()
        return plain(step_input)

    outcome = rehearse(good(**{step: flaky}))
    assert outcome.status is COMPLETED
    assert attempts(outcome, step)[:3] == [0, 2, 6]
    assert record(outcome).warnings == []


def test_a_promotion_is_retried_for_hours_since_the_default_may_have_moved() -> None:
    outcome = rehearse(good(promote=failing("ServerBusy (503): try later")))
    written = record(outcome)
    assert written.error is not None
    assert written.error.message == "promote kept failing: ServerBusy (503): try later"
    tried = attempts(outcome, "promote")
    assert tried[:8] == [0, 2, 6, 14, 30, 62, 126, 254]
    assert len(tried) == 40
    assert tried[-1] == 9810


@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("wait", "promote", "record_run")])
def test_a_step_that_keeps_failing_fails_the_run_with_the_message_of_the_fault(step: str) -> None:
    outcome = rehearse(good(**{step: failing("ServerBusy (503): try later [GET https://x]\nRequestId: 1")}))
    written = record(outcome)
    assert outcome.status is FAILED
    assert written.error is not None
    assert written.error.code == "StepFailed"
    assert written.error.message == f"{step} kept failing: ServerBusy (503): try later [GET https://x]"
    assert attempts(outcome, step) == [0, 2, 6, 14, 30, 60]
    assert cleaned_up(outcome) == CLEAN_UP.get(step, ["cancel_scoring", "delete_deployment"])


def test_polls_of_the_pipeline_run_that_keep_failing_fail_the_run_and_cancel_training() -> None:
    outcome = rehearse(good(get_training_status=failing()), events=[])
    assert cleaned_up(outcome) == ["cancel_training"]
    error = record(outcome).error
    assert error is not None
    assert (error.stage, error.code) == ("wait", "StepFailed")


def test_a_fault_of_a_poll_does_not_hide_the_event_that_comes_during_it() -> None:
    flaky = in_turn(*[TransientError("down")] * 5, training("InProgress"))
    outcome = rehearse(good(get_training_status=flaky), events=[replace(READY, after=timedelta(seconds=40))])
    assert outcome.status is COMPLETED


def test_the_type_of_an_unexpected_error_is_part_of_the_message() -> None:
    outcome = rehearse(good(read_training_result=in_turn(KeyError("metrics"))))
    error = record(outcome).error
    assert error is not None
    assert error.message == "read_training_result kept failing: KeyError: 'metrics'"


def test_a_failed_run_fails_its_orchestration_with_the_same_message() -> None:
    outcome = rehearse(good(register_model=in_turn(refusal("Forbidden", "no right to register."))))
    assert outcome.status is FAILED
    assert outcome.failure is not None
    assert outcome.failure.error_type.endswith("RunFailedError")
    assert outcome.failure.message == "no right to register."


def test_a_failed_run_is_recorded_before_its_event_is_published() -> None:
    outcome = rehearse(good(register_model=in_turn(refusal("Forbidden", "no."))))
    assert outcome.names[-2:] == ["record_run", "publish_event"]
    written = record(outcome)
    assert [stage.name for stage in written.stages] == [*STEPS[:5], "record_run"]
    assert all(stage.ended for stage in written.stages)


def test_a_pipeline_run_whose_start_failed_is_still_cancelled() -> None:
    """createRun may have succeeded although its response was lost; the run id identifies the pipeline run."""
    outcome = rehearse(good(start_training=failing()))
    (first, *_) = inputs(outcome, "cancel_training")
    assert (first["run_id"], first["pipeline_run_id"]) == (RUN, "")


@pytest.mark.parametrize("step", ["ensure_compute", "ensure_endpoint", "deploy_model"])
def test_an_operation_that_never_ends_fails_the_run_after_an_hour(step: str) -> None:
    outcome = rehearse(
        good(inspect_dataset=polling_rarely(), **{step: always(ProvisioningStatus(False, "op"))})
    )
    error = record(outcome).error
    assert error is not None
    assert (error.stage, error.code) == (step, "TimedOut")
    assert error.message == f"{step} was not done after 60 minutes."
    assert 3600 <= attempts(outcome, step)[-1] < 3600 + 600
    assert cleaned_up(outcome) == CLEAN_UP[step]


def test_a_smoke_test_that_never_ends_fails_the_run_and_its_job_is_cancelled() -> None:
    endless = always(SmokeTestStatus(False, "job-1", waiting_for="scoring job job-1 is Queued."))
    outcome = rehearse(good(inspect_dataset=polling_rarely(), smoke_test=endless))
    error = record(outcome).error
    assert error is not None
    assert (error.stage, error.code) == ("smoke_test", "TimedOut")
    assert error.message.endswith("after 120 minutes. It was waiting: scoring job job-1 is Queued.")
    assert 7200 <= attempts(outcome, "smoke_test")[-1] < 7200 + 600
    assert cleaned_up(outcome) == ["cancel_scoring", "delete_deployment"]


def test_a_failed_smoke_test_leaves_the_old_default_serving() -> None:
    job = refusal("SmokeTestFailed", "deployment run-x: scoring job job-1 is Failed: exit code 42")
    outcome = rehearse(good(smoke_test=in_turn(SmokeTestStatus(False, "job-1"), job)))
    assert "promote" not in outcome.names
    assert cleaned_up(outcome) == ["cancel_scoring", "delete_deployment"]
    error = record(outcome).error
    assert error is not None
    assert error.code == "SmokeTestFailed"


# --- Lifecycle events ---------------------------------------------------------------------------------


def test_lifecycle_events_come_in_pairs() -> None:
    refused = good(inspect_dataset=in_turn(refusal("LabelMissing", "dataset iris_csv.csv: …")))
    assert published(rehearse()) == ["RunStarted", "RunSucceeded"]
    assert published(rehearse(refused)) == ["RunStarted", "RunFailed"]
    assert published(rehearse(events=[Event(CANCEL)])) == ["RunStarted", "RunCancelled"]


def test_the_last_event_has_the_result_of_the_run() -> None:
    last = inputs(rehearse(), "publish_event")[-1]
    assert last["run_id"] == RUN
    assert last["data"] == {
        "dataset": "iris_csv.csv",
        "etag": "0x8DC",
        "status": "Succeeded",
        "outcome": "promoted",
        "superseded_by": "",
        "model": "iris_classification",
        "version": "7",
        "endpoint": ENDPOINT,
        "deployment": DEPLOYMENT,
        "verdict": "deploy",
        "metrics": {"accuracy": 0.97},
        "error": None,
    }
    failed = inputs(rehearse(good(register_model=in_turn(refusal("C", "why.")))), "publish_event")[-1]
    assert failed["data"]["error"] == {"stage": "register_model", "code": "C", "message": "why."}


def test_a_topic_that_cannot_be_reached_is_only_a_warning() -> None:
    outcome = rehearse(good(publish_event=failing("ServiceRequestError: no such host")))
    assert outcome.status is COMPLETED
    assert record(outcome).status == "Succeeded"
    assert [w.startswith("publish_event: ") for w in record(outcome).warnings] == [True]
    assert "no such host" in record(outcome).warnings[0]


def test_a_topic_that_cannot_be_reached_delays_no_training() -> None:
    outcome = rehearse(good(publish_event=failing("ServiceRequestError: no such host")))
    started = next(call.after for call in outcome.calls if call.name == "start_training")
    assert started < timedelta(seconds=5)
    assert published(outcome).count("RunStarted") == 3
    assert published(outcome).count("RunSucceeded") == 6, "nothing waits for the last one"


# --- Running twice ------------------------------------------------------------------------------------

ENDED_BEFORE = refusal("RunEnded", f"run {RUN} has ended before: Succeeded.")


def test_an_orchestration_that_is_not_of_the_run_in_its_input_ends_at_once() -> None:
    """Whoever has the key of the durable API can start one with any input."""
    outcome = rehearse(request=replace(REQUEST, run_id="iris-csv-aaaaaaaaaaaaaaaa"))
    assert (outcome.status, outcome.output, outcome.names) == (COMPLETED, None, [])


@pytest.mark.parametrize("is_first", [True, False])
def test_an_orchestration_of_a_run_that_storage_does_not_know_does_nothing(is_first: bool) -> None:
    unknown = in_turn(refusal("NotClaimed", "no upload has this run."))
    rehearsal = Rehearsal(good(inspect_dataset=unknown, resume_run=unknown), [training_run])
    rehearsal.start(training_run, first_generation() | {"is_first": is_first}, instance_id=RUN)
    rehearsal.run()
    outcome = rehearsal.outcome(RUN)
    assert (outcome.status, outcome.output) == (COMPLETED, None)
    assert outcome.names == ["inspect_dataset" if is_first else "resume_run"]


def test_a_generation_that_cannot_read_where_its_run_stands_fails_in_words_that_say_why() -> None:
    lost = refusal("SettingsLost", "its settings cannot be read.")
    rehearsal = Rehearsal(good(resume_run=in_turn(lost)), [training_run])
    rehearsal.start(training_run, first_generation() | {"is_first": False}, instance_id=RUN)
    rehearsal.run()
    outcome = rehearsal.outcome(RUN)
    assert (outcome.status, outcome.names) == (FAILED, ["resume_run"])
    assert outcome.failure is not None
    assert outcome.failure.message == "its settings cannot be read."


def test_what_an_input_says_beside_the_run_is_not_believed() -> None:
    """Such was the input of a later generation: it had the settings, the champion and the record in it."""
    forged = first_generation() | {
        "record": {"status": "Succeeded", "endpoint": "others", "deployment": "mine"},
        "wait": {"dataset": {"settings": {"approval": "none", "endpoint_name": "others"}}, "champion": {}},
    }
    rehearsal = Rehearsal(good(), [training_run])
    rehearsal.start(training_run, forged, instance_id=RUN)
    rehearsal.raise_event(RUN, READY.name, READY.data, after=READY.after)
    rehearsal.run()
    outcome = rehearsal.outcome(RUN)
    assert outcome.names[0] == "inspect_dataset"
    told = inputs(outcome, "promote")
    assert [(each["run_id"], each["decided_since"]) for each in told] == [(RUN, "")] * 2
    assert record(outcome).endpoint == ENDPOINT


def test_a_finished_run_that_an_engine_runs_again_does_nothing_and_writes_nothing() -> None:
    outcome = rehearse(good(inspect_dataset=in_turn(ENDED_BEFORE)))
    assert outcome.status is COMPLETED
    assert outcome.names == ["inspect_dataset"]


def test_a_finished_run_that_an_engine_runs_again_cannot_be_cancelled_into_another_status() -> None:
    outcome = rehearse(good(inspect_dataset=in_turn(ENDED_BEFORE)), events=[Event(CANCEL)])
    assert outcome.names == ["inspect_dataset"]


def test_a_finished_run_that_is_run_again_in_an_outage_publishes_no_failure() -> None:
    steps = good(inspect_dataset=failing(), record_run=in_turn(ENDED_BEFORE))
    outcome = rehearse(steps)
    assert outcome.status is FAILED
    assert "RunFailed" not in published(outcome)


def test_a_record_that_cannot_be_written_fails_the_orchestration() -> None:
    outcome = rehearse(good(record_run=failing("storage is down")))
    assert outcome.status is FAILED
    assert outcome.failure is not None
    assert "storage is down" in outcome.failure.message


def test_start_training_is_retried_for_longer_than_data_factory_may_lag() -> None:
    from activities.training import LISTING_LAG

    lagging = in_turn(*[TransientError("not listed yet")] * 5, Training(RUN, PIPELINE_RUN))
    outcome = rehearse(good(start_training=lagging))
    assert outcome.status is COMPLETED
    assert attempts(outcome, "start_training")[-1] > LISTING_LAG.total_seconds()
