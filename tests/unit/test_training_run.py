"""The orchestration of a run, with every way in which it can end: on Microsoft's engine, in virtual time."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any, Literal

import pytest
from azure.durable_functions.internal.serialization import DEFAULT_FUNCTIONS_DATA_CONVERTER as JSON
from durabletask.client import OrchestrationStatus
from localcloud.functions.protocol import CUSTOM_STATUS_LIMIT
from localcloud.functions.testing import Event, Rehearsal

from orchestrators.training_run import training_run
from orchestrators.waiting import POLLS_PER_GENERATION
from runs import naming
from runs.contracts import (
    Approval,
    Champion,
    Dropped,
    Json,
    Promotion,
    ProvisioningStatus,
    SmokeTestStatus,
    Training,
    TrainingStatus,
    Upload,
    to_json,
)
from runs.errors import TransientError
from tests.unit.rehearsed import (
    CANCEL,
    CHAMPION,
    DATASET,
    ENDPOINT,
    GATE,
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
    WAITS_SINCE,
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

DEPLOYMENT = naming.deployment_name(RUN)
COMPLETED, FAILED, RUNNING = (
    OrchestrationStatus.COMPLETED,
    OrchestrationStatus.FAILED,
    OrchestrationStatus.RUNNING,
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


def test_the_record_of_a_good_run_tells_all_of_it() -> None:
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


def test_custom_status_stays_far_below_the_hosts_limit_whatever_the_names() -> None:
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
    longest = max(len(JSON.serialize(status) or "") for status in outcome.statuses)
    assert longest < CUSTOM_STATUS_LIMIT * 0.75


def test_every_step_is_given_what_the_steps_before_it_found() -> None:
    outcome = rehearse()
    assert inputs(outcome, "inspect_dataset") == [first_generation()["request"]]
    (order,) = inputs(outcome, "start_training")
    assert (order["run_id"], order["label"], order["epochs"], order["lr"]) == (RUN, "species", 20, 0.1)
    (trained,) = inputs(outcome, "read_training_result")
    assert trained["path"] == MODEL
    assert (trained["settings"], trained["champion"]) == (to_json(DATASET.settings), to_json(CHAMPION))
    (model,) = inputs(outcome, "register_model")
    assert (model["name"], model["result"]["folder"]) == ("iris_classification", RESULT.folder)
    assert inputs(outcome, "ensure_compute")[0]["vm_size"] == "Standard_DS3_v2"
    deployments = inputs(outcome, "deploy_model")
    assert deployments[0]["model"] == {"name": "iris_classification", "version": "7"}
    assert (deployments[0]["name"], deployments[0]["endpoint"]) == (DEPLOYMENT, ENDPOINT)
    assert inputs(outcome, "smoke_test")[0]["deployment"] == DEPLOYMENT
    assert inputs(outcome, "prune_deployments")[0]["keep"] == 2


def test_what_an_operation_has_begun_is_given_to_the_next_look_at_it() -> None:
    outcome = rehearse()
    for step, begun in {
        "ensure_compute": "op/compute",
        "ensure_endpoint": "op/endpoint",
        "deploy_model": "op/deployment",
        "smoke_test": "job-1",
        "promote": "op/default",
    }.items():
        assert [order["operation_url"] for order in inputs(outcome, step)] == ["", begun], step


def test_the_default_moves_only_after_the_new_deployment_has_scored() -> None:
    names = rehearse().names
    assert names.index("promote") > max(i for i, name in enumerate(names) if name == "smoke_test")
    assert names.index("prune_deployments") > max(i for i, name in enumerate(names) if name == "promote")


def test_a_good_run_takes_nothing_back() -> None:
    assert cleaned_up(rehearse()) == []


def test_a_superseded_run_succeeds_and_says_so() -> None:
    outcome = rehearse(good(promote=always(Promotion(True, "", "superseded"))))
    assert (record(outcome).status, record(outcome).outcome) == ("Succeeded", "superseded")
    assert inputs(outcome, "publish_event")[-1]["data"]["outcome"] == "superseded"


@pytest.mark.parametrize("outcome", ["promoted", "superseded"])
def test_a_run_prunes_whatever_came_of_its_promotion(outcome: Literal["promoted", "superseded"]) -> None:
    """The deployment of a superseded run is not the default, and while it ran, no other run deleted it."""
    run = rehearse(good(promote=always(Promotion(True, "", outcome))))
    prunes = inputs(run, "prune_deployments")
    assert [(each["run_id"], each["endpoint"], each["keep"]) for each in prunes] == [(RUN, ENDPOINT, 2)] * 2
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
    assert inputs(outcome, "find_champion") == [{"endpoint": ENDPOINT}]
    assert outcome.names.index("find_champion") + 1 == outcome.names.index("start_training")
    (order,) = inputs(outcome, "start_training")
    assert order["champion"] == to_json(CHAMPION)
    assert (order["task"], order["min_accuracy"], order["tolerance"]) == ("classification", 0.9, 0.01)
    assert "find_champion" not in {stage.name for stage in record(outcome).stages}


def test_a_first_model_has_no_champion() -> None:
    outcome = rehearse(good(find_champion=always(Champion())))
    assert record(outcome).outcome == "promoted"
    assert inputs(outcome, "start_training")[0]["champion"] == to_json(Champion())


def test_a_champion_that_is_stored_elsewhere_becomes_a_warning() -> None:
    outcome = rehearse(good(find_champion=always(Champion("bought:1", "", "default"))))
    (warning,) = record(outcome).warnings
    assert warning == (
        "find_champion: the model bought:1 of the default deployment is not stored in this container, so the"
        " new model is not compared with it."
    )


def test_a_model_that_the_gate_rejects_is_registered_and_nothing_is_deployed() -> None:
    outcome = rehearse(good(read_training_result=always(REJECTED)))
    written = record(outcome)
    assert outcome.status is COMPLETED
    assert (written.status, written.outcome, written.error) == ("Succeeded", "kept_champion", None)
    assert [stage.name for stage in written.stages] == [*STEPS[:5], "record_run"]
    assert (written.model_version, written.deployment) == ("7", "")
    assert (written.verdict, written.gate) == ("keep_champion", REJECTED.gate)
    (order,) = inputs(outcome, "register_model")
    assert order["result"]["gate"]["champion"]["value"] == 0.95
    assert cleaned_up(outcome) == []
    assert published(outcome) == ["RunStarted", "RunSucceeded"]
    last = inputs(outcome, "publish_event")[-1]["data"]
    assert (last["outcome"], last["verdict"], last["deployment"]) == ("kept_champion", "keep_champion", "")


def test_a_rejected_model_needs_no_approval() -> None:
    outcome = rehearse(asking(read_training_result=always(REJECTED)))
    assert record(outcome).outcome == "kept_champion"
    assert record(outcome).approval is None


def test_the_record_and_the_custom_status_tell_what_the_training_found() -> None:
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


# --- Approval -----------------------------------------------------------------------------------------


def test_an_approved_run_promotes_and_says_who_approved() -> None:
    outcome = rehearse(asking(), [READY, decision(approved=True)])
    written = record(outcome)
    assert (written.status, written.outcome) == ("Succeeded", "promoted")
    assert written.approval == Approval(
        "approved", "somebody@example.com", "2026-01-01T02:00:00.000000Z", "seen"
    )
    names = [stage.name for stage in written.stages]
    assert names == [*STEPS[:9], "approve", *STEPS[9:]]
    assert written.stages[9].started == WAITS_SINCE
    assert seconds(written.stages[9].ended) == 7200
    assert outcome.names.index("promote") > max(
        place for place, name in enumerate(outcome.names) if name == "smoke_test"
    )
    assert cleaned_up(outcome) == []


def test_a_rejected_run_takes_its_deployment_back_and_leaves_the_default() -> None:
    outcome = rehearse(asking(), [READY, decision(approved=False, comment="not yet")])
    written = record(outcome)
    assert outcome.status is COMPLETED
    assert (written.status, written.outcome, written.error) == ("Succeeded", "rejected", None)
    assert written.approval is not None
    assert (written.approval.decision, written.approval.comment) == ("rejected", "not yet")
    assert cleaned_up(outcome) == ["delete_deployment"]
    left = inputs(outcome, "delete_deployment")[0]
    assert (left["endpoint"], left["deployment"]) == (ENDPOINT, DEPLOYMENT)
    assert "promote" not in outcome.names
    assert published(outcome)[-1] == "RunSucceeded"
    assert (written.model_version, written.deployment) == ("7", DEPLOYMENT)


@pytest.mark.parametrize("timeout", [timedelta(seconds=1), timedelta(days=3), timedelta(days=7)])
def test_nobody_decides_and_the_deployment_is_taken_back_when_the_time_is_up(timeout: timedelta) -> None:
    outcome = rehearse(asking(timeout), [READY])
    written = record(outcome)
    assert (written.status, written.outcome) == ("Succeeded", "approval_timed_out")
    waited = seconds(written.stages[9].ended) - seconds(written.stages[9].started)
    assert 0 <= waited - timeout.total_seconds() < 10
    assert written.approval is not None
    assert (written.approval.decision, written.approval.by) == ("timed_out", "")
    assert cleaned_up(outcome) == ["delete_deployment"]
    assert "promote" not in outcome.names


def test_a_run_that_waits_for_a_decision_can_be_cancelled() -> None:
    cancel = Event(CANCEL, {}, after=timedelta(hours=1))
    outcome = rehearse(asking(), [READY, cancel, decision(approved=True)])
    written = record(outcome)
    assert (written.status, written.outcome, written.approval) == ("Cancelled", "", None)
    assert written.error is not None
    assert written.error.stage == "approve"
    assert cleaned_up(outcome) == ["cancel_scoring", "delete_deployment"]
    assert seconds(written.ended_at) < 3700


def test_custom_status_says_that_a_run_waits_and_can_still_be_cancelled() -> None:
    outcome = rehearse(asking(), [READY], limit=timedelta(hours=1))
    assert outcome.status is RUNNING
    shown = outcome.custom_status
    assert (shown["stage"], shown["since"], shown["can_cancel"]) == ("approve", WAITS_SINCE, True)
    assert shown["settings"]["approval_timeout"] == 3 * 86400
    assert shown["gate"]["champion"]["value"] == 0.95


@pytest.mark.parametrize("approved", [True, False])
def test_a_cancel_after_the_decision_comes_too_late(approved: bool) -> None:
    cancel = Event(CANCEL, {}, after=timedelta(hours=2, seconds=1))
    slow = in_turn(ProvisioningStatus(False), ProvisioningStatus(False), ProvisioningStatus(True))
    outcome = rehearse(asking(delete_deployment=slow), [READY, decision(approved=approved), cancel])
    assert record(outcome).outcome == ("promoted" if approved else "rejected")


@pytest.mark.parametrize(
    "data",
    [
        {"since": "2026-01-01T00:00:00.000Z"},
        {"since": None},
        {"approved": "yes"},
        {"approved": 1},
        {"approved": None},
        {"by": None},
        {"by": ["boss"]},
        {"by": "x" * 1001},
        {"at": 7},
        {"comment": {"a": 1}},
        {"comment": "x" * 1001},
    ],
    ids=str,
)
def test_an_ill_formed_decision_is_ignored_and_a_later_one_counts(data: Json) -> None:
    whole = decision(approved=False)
    forged = replace(whole, data=whole.data | data, after=timedelta(hours=1))
    outcome = rehearse(asking(), [READY, forged, decision(approved=True)])
    written = record(outcome)
    assert written.outcome == "promoted"
    assert seconds(written.stages[9].ended) == 7200


@pytest.mark.parametrize("data", [None, True, [], "approved", 7, {}], ids=str)
def test_an_event_that_is_no_decision_is_ignored(data: Any) -> None:
    forged = Event("decision", data, after=timedelta(hours=1))
    outcome = rehearse(asking(), [READY, forged, decision(approved=False)])
    assert record(outcome).outcome == "rejected"


def test_a_decision_from_before_the_wait_decides_nothing() -> None:
    """Only who has seen the run wait knows since when; so nothing is approved before it can be looked at."""
    early = replace(decision(approved=True, since="2026-01-01T00:00:00.000Z"), after=timedelta())
    outcome = rehearse(asking(), [early, READY])
    assert record(outcome).outcome == "approval_timed_out"


def test_the_first_of_two_decisions_counts() -> None:
    second = replace(decision(approved=False), after=timedelta(hours=2, seconds=1))
    outcome = rehearse(asking(), [READY, decision(approved=True), second])
    assert record(outcome).outcome == "promoted"


def test_a_deployment_that_cannot_be_taken_back_is_a_warning_of_a_rejected_run() -> None:
    outcome = rehearse(asking(delete_deployment=failing("Conflict (409)")), [READY, decision(approved=False)])
    written = record(outcome)
    assert (written.status, written.outcome) == ("Succeeded", "rejected")
    assert len(written.warnings) == 1


# --- The wait -----------------------------------------------------------------------------------------


def test_model_ready_before_the_wait_is_used() -> None:
    outcome = rehearse(events=[replace(READY, after=timedelta())])
    assert outcome.status is COMPLETED
    assert "get_training_status" not in outcome.names


def test_model_ready_while_the_pipeline_run_is_being_started_is_used() -> None:
    rehearsal = Rehearsal()

    def start(_: Json) -> Json:
        rehearsal.raise_event(RUN, READY.name, READY.data)
        return {"run_id": RUN, "pipeline_run_id": PIPELINE_RUN}

    rehearsal = Rehearsal(good(start_training=start), [training_run])
    rehearsal.start(training_run, first_generation(), instance_id=RUN)
    rehearsal.run()
    outcome = rehearsal.outcome(RUN)
    assert outcome.status is COMPLETED
    assert "get_training_status" not in outcome.names


def test_model_ready_ends_the_wait_at_once() -> None:
    written = record(rehearse())
    assert seconds(written.stages[2].ended) == READY.after.total_seconds()


def test_a_lost_event_costs_no_more_than_a_look() -> None:
    done = training("Succeeded", model_path=MODEL)
    looks = in_turn(training("Queued"), training("InProgress"), training("InProgress"), done)
    outcome = rehearse(good(get_training_status=looks), events=[])
    assert outcome.status is COMPLETED
    assert inputs(outcome, "read_training_result")[0]["path"] == MODEL
    assert outcome.names.count("get_training_status") == 4
    assert inputs(outcome, "get_training_status")[0] == {"run_id": RUN, "pipeline_run_id": PIPELINE_RUN}


def test_looks_become_rarer_up_to_the_cap() -> None:
    done = training("Succeeded", model_path=MODEL)
    looks = in_turn(*[training("InProgress")] * 11, done)
    outcome = rehearse(good(get_training_status=looks), events=[])
    times = [call.after.total_seconds() for call in outcome.calls if call.name == "get_training_status"]
    pauses = [later - earlier for earlier, later in pairwise([0.0, *times])]
    assert pauses[:4] == [30, 45, 67.5, 101.25]
    assert pauses == sorted(pauses)
    assert pauses[-3:] == [POLLING.run_cap] * 3


def test_a_pipeline_run_that_succeeded_without_a_model_fails_the_run() -> None:
    outcome = rehearse(good(get_training_status=always(TrainingStatus("Succeeded"))), events=[])
    error = record(outcome).error
    assert outcome.status is FAILED
    assert error is not None
    assert (error.stage, error.code) == ("wait", "NoModel")
    assert PIPELINE_RUN in error.message


def test_a_failed_pipeline_run_fails_the_run_with_exit_code_and_stderr() -> None:
    stderr = 'dataset "iris_csv.csv": column "species", row 7: the label is missing'
    failed = training("Failed", message="Operation on target Train failed", exit_code=2, stderr=stderr)
    outcome = rehearse(good(get_training_status=in_turn(training("InProgress"), failed)), events=[])
    error = record(outcome).error
    assert outcome.status is FAILED
    assert error is not None
    assert (error.stage, error.code) == ("wait", "TrainingFailed")
    assert error.message == f"pipeline run {PIPELINE_RUN} failed: the trainer exited with 2: {stderr}"
    assert "register_model" not in outcome.names


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (
            {"exit_code": 137, "message": "Hit unexpected exception"},
            "exited with 137: Hit unexpected exception",
        ),
        ({"message": "Cannot access user batch account"}, "failed: Cannot access user batch account"),
        ({"exit_code": 0}, "exited with 0: no reason given"),
        ({}, "failed: no reason given"),
    ],
    ids=["no stderr", "never started", "no words", "nothing"],
)
def test_a_failed_pipeline_run_says_what_is_known(state: Json, said: str) -> None:
    error = record(
        rehearse(good(get_training_status=always(TrainingStatus("Failed", **state))), events=[])
    ).error
    assert error is not None
    assert said in error.message


def test_a_pipeline_run_cancelled_from_outside_fails_the_run_saying_so() -> None:
    outcome = rehearse(good(get_training_status=always(TrainingStatus("Cancelled"))), events=[])
    error = record(outcome).error
    assert outcome.status is FAILED
    assert error is not None
    assert (error.code, published(outcome)[-1]) == ("TrainingCancelled", "RunFailed")
    assert "cancelled in Data Factory, not by this run" in error.message


def test_a_pipeline_run_that_is_being_cancelled_is_waited_for() -> None:
    looks = in_turn(training("Canceling"), training("Canceling"), training("Cancelled"))
    outcome = rehearse(good(get_training_status=looks), events=[])
    assert outcome.names.count("get_training_status") == 3


def test_a_pipeline_run_that_data_factory_forgot_fails_the_run() -> None:
    missing = in_turn(refusal("PipelineRunMissing", "pipeline run x: Data Factory does not know it."))
    error = record(rehearse(good(get_training_status=missing), events=[])).error
    assert error is not None
    assert error.code == "PipelineRunMissing"


def test_a_training_that_takes_too_long_is_cancelled_when_its_time_is_up() -> None:
    outcome = rehearse(good(inspect_dataset=with_settings(training_timeout=900)), events=[])
    written = record(outcome)
    assert outcome.status is FAILED
    assert written.error is not None
    assert (written.error.stage, written.error.code) == ("wait", "TrainingTimedOut")
    assert "900 s (training_timeout)" in written.error.message
    assert cleaned_up(outcome) == ["cancel_training"]
    assert inputs(outcome, "cancel_training")[0]["pipeline_run_id"] == PIPELINE_RUN
    first = next(call for call in outcome.calls if call.name == "cancel_training")
    assert first.after == timedelta(seconds=900)


def test_a_model_that_is_there_when_time_is_up_is_taken() -> None:
    """The last look comes at the deadline itself, so that a lost event does not waste a day's training."""
    looks = in_turn(*[training("InProgress")] * 3, training("Succeeded", model_path=MODEL))
    steps = good(inspect_dataset=with_settings(training_timeout=150), get_training_status=looks)
    outcome = rehearse(steps, events=[])
    assert outcome.status is COMPLETED
    assert record(outcome).stages[2].ended == "2026-01-01T00:02:30.000Z"


@pytest.mark.parametrize(
    "data",
    [
        {"path": "runs/someone-else-0123456789abcdef/0/ab12/artifacts/model/MLmodel"},
        {"path": f"runs/{RUN}/MLmodel"},
        {"path": f"runs/{RUN}/../other/ab12/artifacts/model/MLmodel"},
        {"path": f"datasets/{RUN}/0/ab12/artifacts/model/MLmodel"},
        {"path": f"{MODEL}\n"},
        {"path": f"x/{MODEL}"},
        {"path": 7},
        {"path": [MODEL]},
        {"path": ""},
        {},
        {"etag": "0x9"},
        MODEL,
        [MODEL],
        17,
        True,
        None,
    ],
    ids=str,
)
def test_a_forged_model_ready_is_ignored_and_the_real_one_still_used(data: Any) -> None:
    forged = Event("model_ready", data, after=timedelta(minutes=1))
    outcome = rehearse(events=[forged, replace(forged, after=timedelta(minutes=2)), READY])
    assert outcome.status is COMPLETED
    assert [trained["path"] for trained in inputs(outcome, "read_training_result")] == [MODEL]
    assert seconds(record(outcome).stages[2].ended) == READY.after.total_seconds()


def test_forged_events_before_the_wait_do_not_hide_the_real_one() -> None:
    forged = Event("model_ready", {"path": "runs/x/0/y/artifacts/model/MLmodel"})
    outcome = rehearse(events=[forged, forged, replace(READY, after=timedelta()), forged])
    assert outcome.status is COMPLETED
    assert "get_training_status" not in outcome.names


def test_a_second_model_ready_is_harmless() -> None:
    later = replace(READY, after=READY.after + timedelta(seconds=3))
    outcome = rehearse(events=[READY, READY, later])
    assert outcome.status is COMPLETED
    assert outcome.names.count("read_training_result") == 1


# --- A long wait --------------------------------------------------------------------------------------


def test_history_stays_bounded_over_a_training_of_24_hours() -> None:
    lengths: list[int] = []
    rehearsal = Rehearsal()

    def look(_: Json) -> Json:
        lengths.append(len(rehearsal.outcome(RUN).history))
        return training("InProgress")

    rehearsal = Rehearsal(good(get_training_status=look), [training_run])
    rehearsal.start(training_run, first_generation(), instance_id=RUN)
    rehearsal.raise_event(RUN, READY.name, READY.data, after=timedelta(hours=23, minutes=59))
    rehearsal.run()
    outcome = rehearsal.outcome(RUN)
    assert len(lengths) > 2 * POLLS_PER_GENERATION, "there were generations"
    assert max(lengths) < 10 * POLLS_PER_GENERATION
    assert outcome.status is COMPLETED

    written = record(outcome)
    assert [stage.name for stage in written.stages] == list(STEPS)
    assert [stage.started for stage in written.stages[:3]] == ["2026-01-01T00:00:00.000Z"] * 3
    assert seconds(written.stages[2].ended) == timedelta(hours=23, minutes=59).total_seconds()
    assert (written.settings, written.pipeline_run_id) == (DATASET.settings, PIPELINE_RUN)
    assert outcome.names.count("inspect_dataset") == outcome.names.count("start_training") == 1
    assert published(outcome) == ["RunStarted", "RunSucceeded"]


def test_the_timeout_counts_from_the_start_over_all_generations() -> None:
    outcome = rehearse(events=[])
    written = record(outcome)
    assert written.error is not None
    assert written.error.code == "TrainingTimedOut"
    assert seconds(written.ended_at) - 86400 < 60
    assert cleaned_up(outcome) == ["cancel_training"]


def test_the_interval_of_the_looks_does_not_begin_again_with_a_generation() -> None:
    outcome = rehearse(limit=timedelta(hours=16), events=[])
    times = [call.after.total_seconds() for call in outcome.calls if call.name == "get_training_status"]
    assert len(times) > POLLS_PER_GENERATION + 5
    pauses = [later - earlier for earlier, later in pairwise(times[10:])]
    assert pauses == pytest.approx([POLLING.run_cap] * len(pauses))


def test_a_later_generation_shows_what_the_run_is_at() -> None:
    outcome = rehearse(limit=timedelta(hours=14), events=[])
    assert outcome.status is RUNNING
    assert outcome.custom_status["stage"] == "wait"
    assert outcome.custom_status["pipeline_run_id"] == PIPELINE_RUN
    assert outcome.custom_status["since"] == "2026-01-01T00:00:00.000Z"


def test_a_later_generation_judges_by_the_champion_that_the_first_one_found() -> None:
    outcome = rehearse(events=[replace(READY, after=timedelta(hours=14))])
    assert outcome.status is COMPLETED
    assert outcome.names.count("find_champion") == 1
    (trained,) = inputs(outcome, "read_training_result")
    assert trained["champion"] == to_json(CHAMPION)


class Around(Rehearsal):
    """Raises an event about the change from the first generation to the second."""

    event = READY
    moment = ""

    def _act(self, request: Any, token: str) -> None:
        last = request.name == "get_training_status" and self._looks() == POLLS_PER_GENERATION - 1
        if last and self.moment == "during the last look":
            self.raise_event(RUN, self.event.name, self.event.data)
        super()._act(request, token)
        if last and self.moment == "after the last look":
            self.raise_event(RUN, self.event.name, self.event.data)

    def _orchestrate(self, request: Any, token: str) -> None:
        super()._orchestrate(request, token)
        first = not self._calls.get(RUN) or self._changed
        if not first and self._looks() == POLLS_PER_GENERATION and self.moment == "between the generations":
            self._changed = True
            self.raise_event(RUN, self.event.name, self.event.data)

    _changed = False

    def _looks(self) -> int:
        return [call.name for call in self._calls.get(RUN, [])].count("get_training_status")


MOMENTS = ("during the last look", "after the last look", "between the generations")


@pytest.mark.parametrize("moment", MOMENTS)
def test_model_ready_about_a_change_of_generation_is_not_lost(moment: str) -> None:
    outcome = rehearse(hub=type("Hub", (Around,), {"moment": moment}), events=[])
    assert outcome.status is COMPLETED
    assert outcome.names.count("get_training_status") == POLLS_PER_GENERATION


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_cancel_about_a_change_of_generation_is_not_lost(moment: str) -> None:
    cancel = Event(CANCEL, {})
    outcome = rehearse(hub=type("Hub", (Around,), {"moment": moment, "event": cancel}), events=[])
    assert record(outcome).status == "Cancelled"
    assert outcome.names.count("get_training_status") == POLLS_PER_GENERATION
    assert cleaned_up(outcome) == ["cancel_training"]


def test_a_model_ready_behind_a_forged_one_survives_the_change_of_generation() -> None:
    class Hub(Around):
        moment = "during the last look"
        event = Event("model_ready", {"path": "forged"})

        def _act(self, request: Any, token: str) -> None:
            last = request.name == "get_training_status" and self._looks() == POLLS_PER_GENERATION - 1
            super()._act(request, token)
            if last:
                self.raise_event(RUN, READY.name, READY.data)

    outcome = rehearse(hub=Hub, events=[])
    assert outcome.status is COMPLETED
    assert outcome.names.count("get_training_status") == POLLS_PER_GENERATION


# --- Cancelling ---------------------------------------------------------------------------------------

CLEAN_UP = {
    "inspect_dataset": [],
    "start_training": ["cancel_training"],
    "get_training_status": ["cancel_training"],
    "read_training_result": [],
    "register_model": [],
    "ensure_compute": [],
    "ensure_endpoint": [],
    "deploy_model": ["delete_deployment"],
    "smoke_test": ["cancel_scoring", "delete_deployment"],
}


@pytest.mark.parametrize("step", CLEAN_UP)
def test_a_cancel_while_a_step_is_under_way_takes_back_what_the_run_has_begun(step: str) -> None:
    outcome = rehearse_with_cancel(step)
    written = record(outcome)
    assert outcome.status is COMPLETED
    assert written.status == "Cancelled"
    assert written.error is not None
    assert written.error.code == "Cancelled"
    assert written.error.stage == ("wait" if step == "get_training_status" else step)
    assert cleaned_up(outcome) == CLEAN_UP[step]
    assert published(outcome) == ["RunStarted", "RunCancelled"]
    assert "promote" not in outcome.names
    assert outcome.names.index(step) < outcome.names.index("record_run")


@pytest.mark.parametrize("step", ["ensure_compute", "ensure_endpoint", "deploy_model", "smoke_test"])
def test_a_cancel_is_heard_before_the_next_look_at_a_long_operation(step: str) -> None:
    slow = in_turn(
        SmokeTestStatus(False, "job-1") if step == "smoke_test" else ProvisioningStatus(False, "op")
    )
    outcome = rehearse(good(**{step: slow}), events=[READY, Event(CANCEL, {}, after=timedelta(minutes=5))])
    written = record(outcome)
    assert written.status == "Cancelled"
    assert cleaned_up(outcome) == CLEAN_UP[step]
    stopped = [call.after for call in outcome.calls if call.name == step][-1]
    assert stopped <= timedelta(minutes=5)
    assert seconds(written.ended_at) < timedelta(minutes=6).total_seconds()


def test_a_cancel_before_the_first_step_ends_the_run_before_anything_is_begun() -> None:
    outcome = rehearse(events=[Event(CANCEL, {})])
    assert record(outcome).status == "Cancelled"
    assert "start_training" not in outcome.names
    assert cleaned_up(outcome) == []


def test_a_cancel_during_the_wait_stops_the_pipeline_run_at_once() -> None:
    outcome = rehearse(events=[Event(CANCEL, {}, after=timedelta(seconds=50)), READY])
    (first, *_) = inputs(outcome, "cancel_training")
    assert (first["run_id"], first["pipeline_run_id"]) == (RUN, PIPELINE_RUN)
    assert next(c.after for c in outcome.calls if c.name == "cancel_training") == timedelta(seconds=50)
    assert record(outcome).status == "Cancelled"


def test_a_cancel_takes_back_the_deployment_and_the_job_by_name() -> None:
    outcome = rehearse_with_cancel("smoke_test")
    for step in ("cancel_scoring", "delete_deployment"):
        left = inputs(outcome, step)[0]
        assert (left["run_id"], left["endpoint"], left["deployment"]) == (RUN, ENDPOINT, DEPLOYMENT)


def test_taking_back_is_watched_until_it_is_done() -> None:
    outcome = rehearse_with_cancel("smoke_test")
    assert outcome.names.count("cancel_scoring") == outcome.names.count("delete_deployment") == 2
    assert outcome.names.index("delete_deployment") > outcome.names.index("cancel_scoring") + 1


@pytest.mark.parametrize("step", ["promote", "prune_deployments"])
def test_a_cancel_from_promote_on_comes_too_late(step: str) -> None:
    outcome = rehearse_with_cancel(step)
    assert record(outcome).status == "Succeeded"
    assert cleaned_up(outcome) == []
    assert published(outcome)[-1] == "RunSucceeded"


def test_custom_status_says_until_when_a_run_can_be_cancelled() -> None:
    outcome = rehearse()
    can = {status["stage"]: status["can_cancel"] for status in outcome.statuses}
    assert [stage for stage in STEPS if not can[stage]] == ["promote", "record_run"]


def test_a_run_that_is_taking_back_can_no_longer_be_cancelled() -> None:
    slow = always(ProvisioningStatus(False, PIPELINE_RUN))
    outcome = rehearse(
        good(cancel_training=slow),
        events=[Event(CANCEL, after=timedelta(minutes=1))],
        limit=timedelta(minutes=5),
    )
    assert outcome.status is RUNNING
    assert outcome.custom_status["stage"] == "wait"
    assert outcome.custom_status["can_cancel"] is False


def test_a_second_cancel_is_harmless() -> None:
    cancel = Event(CANCEL, {}, after=timedelta(seconds=50))
    outcome = rehearse(events=[cancel, cancel, replace(cancel, after=timedelta(seconds=51))])
    assert record(outcome).status == "Cancelled"
    assert published(outcome) == ["RunStarted", "RunCancelled"]


def test_a_cancel_during_the_retries_of_a_failing_step_is_a_cancel_and_no_failure() -> None:
    outcome = rehearse_with_cancel("register_model", good(register_model=failing()), call=2)
    assert record(outcome).status == "Cancelled"


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
def test_a_fault_that_passes_is_not_noticed(step: str) -> None:
    plain, fault = good()[step], TransientError("TooManyRequests (429): slow down")
    left = [fault, fault]

    def flaky(order: Json) -> Json:
        if left:
            raise left.pop()
        return plain(order)

    outcome = rehearse(good(**{step: flaky}))
    assert outcome.status is COMPLETED
    assert attempts(outcome, step)[:3] == [0, 2, 6]
    assert record(outcome).warnings == []


def test_a_promotion_is_tried_for_hours_since_the_default_may_have_moved() -> None:
    outcome = rehearse(good(promote=failing("ServerBusy (503): try later")))
    written = record(outcome)
    assert written.error is not None
    assert written.error.message == "promote kept failing: ServerBusy (503): try later"
    tried = attempts(outcome, "promote")
    assert tried[:8] == [0, 2, 6, 14, 30, 62, 126, 254]
    assert len(tried) == 40
    assert tried[-1] == 9810


@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("wait", "promote", "record_run")])
def test_a_step_that_goes_on_failing_fails_the_run_with_the_faults_sentence(step: str) -> None:
    outcome = rehearse(good(**{step: failing("ServerBusy (503): try later [GET https://x]\nRequestId: 1")}))
    written = record(outcome)
    assert outcome.status is FAILED
    assert written.error is not None
    assert written.error.code == "StepFailed"
    assert written.error.message == f"{step} kept failing: ServerBusy (503): try later [GET https://x]"
    assert attempts(outcome, step) == [0, 2, 6, 14, 30, 60]
    assert cleaned_up(outcome) == CLEAN_UP.get(step, ["cancel_scoring", "delete_deployment"])


def test_looks_at_the_pipeline_run_that_go_on_failing_fail_the_run_and_cancel_training() -> None:
    outcome = rehearse(good(get_training_status=failing()), events=[])
    assert cleaned_up(outcome) == ["cancel_training"]
    error = record(outcome).error
    assert error is not None
    assert (error.stage, error.code) == ("wait", "StepFailed")


def test_a_fault_in_a_look_does_not_hide_the_event_that_comes_meanwhile() -> None:
    flaky = in_turn(*[TransientError("down")] * 5, training("InProgress"))
    outcome = rehearse(good(get_training_status=flaky), events=[replace(READY, after=timedelta(seconds=40))])
    assert outcome.status is COMPLETED


def test_an_error_of_our_own_keeps_its_type_in_the_runs_error() -> None:
    outcome = rehearse(good(read_training_result=in_turn(KeyError("metrics"))))
    error = record(outcome).error
    assert error is not None
    assert error.message == "read_training_result kept failing: KeyError: 'metrics'"


def test_a_failed_run_fails_its_orchestration_with_the_same_sentence() -> None:
    outcome = rehearse(good(register_model=in_turn(refusal("Forbidden", "no right to register."))))
    assert outcome.status is FAILED
    assert outcome.failure is not None
    assert outcome.failure.error_type.endswith("RunFailedError")
    assert outcome.failure.message == "no right to register."


def test_a_failed_run_is_recorded_before_it_is_told() -> None:
    outcome = rehearse(good(register_model=in_turn(refusal("Forbidden", "no."))))
    assert outcome.names[-2:] == ["record_run", "publish_event"]
    written = record(outcome)
    assert [stage.name for stage in written.stages] == [*STEPS[:5], "record_run"]
    assert all(stage.ended for stage in written.stages)


def test_a_lost_pipeline_run_is_still_looked_for_when_its_start_failed() -> None:
    """createRun may have worked although its answer was lost: the run id is what it is found by."""
    outcome = rehearse(good(start_training=failing()))
    (first, *_) = inputs(outcome, "cancel_training")
    assert (first["run_id"], first["pipeline_run_id"]) == (RUN, "")


@pytest.mark.parametrize("step", ["ensure_compute", "ensure_endpoint", "deploy_model"])
def test_an_operation_that_never_settles_fails_the_run_after_an_hour(step: str) -> None:
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
    endless = always(SmokeTestStatus(False, "job-1"))
    outcome = rehearse(good(inspect_dataset=polling_rarely(), smoke_test=endless))
    error = record(outcome).error
    assert error is not None
    assert (error.stage, error.code) == ("smoke_test", "TimedOut")
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


@pytest.mark.parametrize(
    ("step", "warning"),
    [
        (failing("Forbidden (403)"), "delete_deployment kept failing: Forbidden (403)"),
        (in_turn(refusal("Forbidden", "not allowed.")), "not allowed."),
        (always(ProvisioningStatus(False)), "delete_deployment was not done after 15 minutes."),
    ],
    ids=["fault", "refusal", "never done"],
)
def test_clean_up_that_fails_becomes_a_warning_beside_the_first_error(step: Any, warning: str) -> None:
    failed = in_turn(refusal("SmokeTestFailed", "no predictions."))
    outcome = rehearse(good(smoke_test=failed, delete_deployment=step))
    written = record(outcome)
    assert written.error is not None
    assert written.error.code == "SmokeTestFailed"
    assert len(written.warnings) == 1
    assert warning in written.warnings[0]


def test_clean_up_goes_on_when_a_part_of_it_fails() -> None:
    outcome = rehearse_with_cancel("smoke_test", good(cancel_scoring=failing()))
    assert cleaned_up(outcome) == ["cancel_scoring", "delete_deployment"]
    assert len(record(outcome).warnings) == 1


# --- Telling others -----------------------------------------------------------------------------------


def test_lifecycle_events_come_in_pairs() -> None:
    refused = good(inspect_dataset=in_turn(refusal("LabelMissing", "dataset iris_csv.csv: …")))
    assert published(rehearse()) == ["RunStarted", "RunSucceeded"]
    assert published(rehearse(refused)) == ["RunStarted", "RunFailed"]
    assert published(rehearse(events=[Event(CANCEL)])) == ["RunStarted", "RunCancelled"]


def test_the_last_event_says_what_became_of_the_run() -> None:
    last = inputs(rehearse(), "publish_event")[-1]
    assert last["run_id"] == RUN
    assert last["data"] == {
        "dataset": "iris_csv.csv",
        "etag": "0x8DC",
        "status": "Succeeded",
        "outcome": "promoted",
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


def test_a_topic_that_cannot_be_reached_is_a_warning_and_no_more() -> None:
    outcome = rehearse(good(publish_event=failing("ServiceRequestError: no such host")))
    assert outcome.status is COMPLETED
    assert record(outcome).status == "Succeeded"
    assert [w.startswith("publish_event: ") for w in record(outcome).warnings] == [True]
    assert "no such host" in record(outcome).warnings[0]


def test_a_topic_that_cannot_be_reached_holds_up_no_training() -> None:
    outcome = rehearse(good(publish_event=failing("ServiceRequestError: no such host")))
    started = next(call.after for call in outcome.calls if call.name == "start_training")
    assert started < timedelta(seconds=5)
    assert published(outcome).count("RunStarted") == 3
    assert published(outcome).count("RunSucceeded") == 6, "nothing waits for the last one"


# --- Running twice ------------------------------------------------------------------------------------

ENDED_BEFORE = refusal("RunEnded", f"run {RUN} has ended before: Succeeded.")


def test_a_finished_run_that_an_engine_runs_again_does_nothing_and_writes_nothing() -> None:
    outcome = rehearse(good(inspect_dataset=in_turn(ENDED_BEFORE)))
    assert outcome.status is COMPLETED
    assert outcome.names == ["inspect_dataset"]


def test_a_finished_run_that_an_engine_runs_again_cannot_be_cancelled_into_another_status() -> None:
    outcome = rehearse(good(inspect_dataset=in_turn(ENDED_BEFORE)), events=[Event(CANCEL)])
    assert outcome.names == ["inspect_dataset"]


def test_a_finished_run_that_is_run_again_in_an_outage_tells_nobody_that_it_failed() -> None:
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
