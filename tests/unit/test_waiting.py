"""The wait for the model: events, polls, deadline and successive generations."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from localcloud.functions.testing import Event, Rehearsal

from orchestrators.training_run import training_run
from orchestrators.waiting import POLLS_PER_GENERATION
from runs.contracts import Json, to_json
from runs.steps import TrainingStatus
from tests.unit.rehearsed import (
    CANCEL,
    CHAMPION,
    COMPLETED,
    DATASET,
    FAILED,
    MODEL,
    PIPELINE_RUN,
    POLLING,
    READY,
    RUN,
    RUNNING,
    STEPS,
    always,
    cleaned_up,
    first_generation,
    good,
    in_turn,
    inputs,
    published,
    record,
    refusal,
    rehearse,
    seconds,
    training,
    with_settings,
)

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


def test_after_a_lost_event_the_next_poll_finds_the_model() -> None:
    done = training("Succeeded", model_path=MODEL)
    polls = in_turn(training("Queued"), training("InProgress"), training("InProgress"), done)
    outcome = rehearse(good(get_training_status=polls), events=[])
    assert outcome.status is COMPLETED
    assert inputs(outcome, "read_training_result")[0]["path"] == MODEL
    assert outcome.names.count("get_training_status") == 4
    assert inputs(outcome, "get_training_status")[0] == {"run_id": RUN, "pipeline_run_id": PIPELINE_RUN}


def test_polling_intervals_grow_up_to_the_cap() -> None:
    done = training("Succeeded", model_path=MODEL)
    polls = in_turn(*[training("InProgress")] * 11, done)
    outcome = rehearse(good(get_training_status=polls), events=[])
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
    polls = in_turn(training("Canceling"), training("Canceling"), training("Cancelled"))
    outcome = rehearse(good(get_training_status=polls), events=[])
    assert outcome.names.count("get_training_status") == 3


def test_a_pipeline_run_that_data_factory_no_longer_knows_fails_the_run() -> None:
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
    """The last poll comes at the deadline itself, so that a lost event does not waste a day of training."""
    polls = in_turn(*[training("InProgress")] * 3, training("Succeeded", model_path=MODEL))
    steps = good(inspect_dataset=with_settings(training_timeout=150), get_training_status=polls)
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

    def poll(_: Json) -> Json:
        lengths.append(len(rehearsal.outcome(RUN).history))
        return training("InProgress")

    rehearsal = Rehearsal(good(get_training_status=poll), [training_run])
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


def test_a_new_generation_keeps_the_polling_interval() -> None:
    outcome = rehearse(limit=timedelta(hours=16), events=[])
    times = [call.after.total_seconds() for call in outcome.calls if call.name == "get_training_status"]
    assert len(times) > POLLS_PER_GENERATION + 5
    pauses = [later - earlier for earlier, later in pairwise(times[10:])]
    assert pauses == pytest.approx([POLLING.run_cap] * len(pauses))


def test_a_later_generation_shows_the_current_stage() -> None:
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
    """A task hub that raises an event around the change from the first generation to the second."""

    event = READY
    moment = ""

    def _act(self, request: Any, token: str) -> None:
        last = request.name == "get_training_status" and self._polls() == POLLS_PER_GENERATION - 1
        if last and self.moment == "during the last poll":
            self.raise_event(RUN, self.event.name, self.event.data)
        super()._act(request, token)
        if last and self.moment == "after the last poll":
            self.raise_event(RUN, self.event.name, self.event.data)

    def _orchestrate(self, request: Any, token: str) -> None:
        super()._orchestrate(request, token)
        first = not self._calls.get(RUN) or self._changed
        if not first and self._polls() == POLLS_PER_GENERATION and self.moment == "between the generations":
            self._changed = True
            self.raise_event(RUN, self.event.name, self.event.data)

    _changed = False

    def _polls(self) -> int:
        return [call.name for call in self._calls.get(RUN, [])].count("get_training_status")


MOMENTS = ("during the last poll", "after the last poll", "between the generations")


@pytest.mark.parametrize("moment", MOMENTS)
def test_model_ready_around_a_change_of_generation_is_not_lost(moment: str) -> None:
    outcome = rehearse(hub=type("Hub", (Around,), {"moment": moment}), events=[])
    assert outcome.status is COMPLETED
    assert outcome.names.count("get_training_status") == POLLS_PER_GENERATION


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_cancel_around_a_change_of_generation_is_not_lost(moment: str) -> None:
    cancel = Event(CANCEL, {})
    outcome = rehearse(hub=type("Hub", (Around,), {"moment": moment, "event": cancel}), events=[])
    assert record(outcome).status == "Cancelled"
    assert outcome.names.count("get_training_status") == POLLS_PER_GENERATION
    assert cleaned_up(outcome) == ["cancel_training"]


def test_a_model_ready_behind_a_forged_one_survives_the_change_of_generation() -> None:
    class Hub(Around):
        moment = "during the last poll"
        event = Event("model_ready", {"path": "forged"})

        def _act(self, request: Any, token: str) -> None:
            last = request.name == "get_training_status" and self._polls() == POLLS_PER_GENERATION - 1
            super()._act(request, token)
            if last:
                self.raise_event(RUN, READY.name, READY.data)

    outcome = rehearse(hub=Hub, events=[])
    assert outcome.status is COMPLETED
    assert outcome.names.count("get_training_status") == POLLS_PER_GENERATION
