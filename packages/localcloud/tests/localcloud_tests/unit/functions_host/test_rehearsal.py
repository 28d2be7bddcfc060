"""The rehearsal on which unit tests of orchestrators rely: it must behave like the engine and the host."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df
import pytest
from durabletask.client import OrchestrationStatus
from durabletask.entities import EntityInstanceId
from durabletask.task import RetryPolicy, TaskFailedError, when_all, when_any
from localcloud.functions.testing import Event, Rehearsal, replay, run_orchestrator

Steps = Generator[Any, Any, Any]


@dataclass(frozen=True)
class Upload:
    """A value of a custom type, which the SDK converts with to_json and from_json."""

    name: str

    def to_json(self) -> dict[str, str]:
        return {"name": self.name}

    @classmethod
    def from_json(cls, data: dict[str, str]) -> "Upload":
        return cls(**data)


def chain(ctx: Any, given: int) -> Steps:
    doubled = yield ctx.call_activity("double", input=given)
    return (yield ctx.call_activity("double", input=doubled))


def wait_for_approval(ctx: Any, _: Any) -> Steps:
    approval = ctx.wait_for_external_event("approved")
    late = ctx.create_timer(timedelta(hours=24))
    winner = yield when_any([approval, late])
    if winner is late:
        return "too late"
    late.cancel()
    return approval.get_result()


def test_activities_are_called_in_order_and_their_results_are_used() -> None:
    outcome = run_orchestrator(chain, 3, {"double": lambda x: 2 * x})
    assert (outcome.status, outcome.output) == (OrchestrationStatus.COMPLETED, 12)
    assert [(call.name, call.input) for call in outcome.calls] == [("double", 3), ("double", 6)]


def test_what_the_decorator_made_of_an_orchestrator_runs_too() -> None:
    app = df.DFApp()
    decorated = app.orchestration_trigger(context_name="ctx")(chain)
    assert run_orchestrator(decorated, 1, {"double": lambda x: 2 * x}).output == 4


def test_an_async_activity_is_awaited() -> None:
    async def double(x: int) -> int:
        return 2 * x

    assert run_orchestrator(chain, 1, {"double": double}).output == 4


def test_a_typed_value_crosses_as_itself() -> None:
    def hand_over(ctx: Any, upload: Upload) -> Steps:
        return (yield ctx.call_activity("same", input=upload))

    seen: list[Any] = []

    def same(upload: Upload) -> Upload:
        seen.append(upload)
        return upload

    outcome = run_orchestrator(hand_over, Upload("iris.csv"), {"same": same})
    assert seen == [Upload("iris.csv")]
    assert outcome.output == Upload("iris.csv")


def test_a_wait_of_a_day_ends_at_once_and_shows_a_day() -> None:
    outcome = run_orchestrator(wait_for_approval)
    assert outcome.output == "too late"
    assert outcome.elapsed == timedelta(hours=24)


def test_an_event_before_the_wait_is_kept_for_it() -> None:
    def slow_start(ctx: Any, _: Any) -> Steps:
        yield ctx.create_timer(timedelta(minutes=5))
        return (yield ctx.wait_for_external_event("approved"))

    outcome = run_orchestrator(slow_start, events=[Event("Approved", "early")])
    assert outcome.output == "early"


def test_an_event_that_comes_later_wins_from_a_later_timer() -> None:
    event = Event("approved", "by a person", after=timedelta(hours=3))
    outcome = run_orchestrator(wait_for_approval, events=[event])
    assert outcome.output == "by a person"


def test_a_run_that_waits_for_nothing_that_comes_is_running() -> None:
    def endless(ctx: Any, _: Any) -> Steps:
        ctx.set_custom_status("waiting")
        yield ctx.wait_for_external_event("never")

    outcome = run_orchestrator(endless)
    assert outcome.status is OrchestrationStatus.RUNNING
    assert outcome.custom_status == "waiting"


def test_the_limit_ends_a_rehearsal_of_an_eternal_orchestrator() -> None:
    def poll(ctx: Any, _: Any) -> Steps:
        while True:
            yield ctx.create_timer(timedelta(hours=1))
            yield ctx.call_activity("get_status")

    outcome = run_orchestrator(poll, activities={"get_status": lambda _: None}, limit=timedelta(hours=10))
    assert outcome.status is OrchestrationStatus.RUNNING
    assert len(outcome.calls) == 10


def test_every_custom_status_is_seen_in_order() -> None:
    def stages(ctx: Any, _: Any) -> Steps:
        for stage in ("train", "deploy", "promote"):
            ctx.set_custom_status({"stage": stage})
            yield ctx.call_activity("work", input=stage)

    outcome = run_orchestrator(stages, activities={"work": lambda _: None})
    assert [status["stage"] for status in outcome.statuses] == ["train", "deploy", "promote"]


@pytest.mark.parametrize(
    ("text", "actual"),
    [("x" * 8_191, "16.00"), ("x" * 11_998, "23.44"), ("数" * 1_366, "16.01"), ("x" * 524_286, "1,024.00")],
    ids=["one too many", "half as much again", "escaped", "a thousand"],
)
def test_a_custom_status_over_16_kb_of_utf_16_fails_the_run_as_on_the_host(text: str, actual: str) -> None:
    outcome = run_orchestrator(talkative, text, activities={"work": lambda _: None})
    assert outcome.status is OrchestrationStatus.FAILED
    assert outcome.failure is not None
    words = f"CustomStatus is too large: limit = 16 KB (UTF-16), actual = {actual} KB."
    assert outcome.failure.message == words


def test_a_custom_status_of_16_kb_of_utf_16_with_its_quotes_is_taken() -> None:
    outcome = run_orchestrator(talkative, "x" * 8_190, activities={"work": lambda _: None})
    assert outcome.status is OrchestrationStatus.COMPLETED
    assert outcome.statuses == ["x" * 8_190]


def talkative(ctx: Any, said: str) -> Steps:
    ctx.set_custom_status(said)
    yield ctx.call_activity("work")


class TransientTestError(Exception):
    pass


def test_a_failure_is_reported_as_the_host_reports_it_by_class_name_and_first_line() -> None:
    def careful(ctx: Any, _: Any) -> Steps:
        try:
            yield ctx.call_activity("broken")
        except TaskFailedError as error:
            details = error.details
            causes = [details.is_caused_by(TransientTestError), details.is_caused_by("TransientTestError")]
            return [details.error_type, details.message, causes, "in broken" in (details.stack_trace or "")]

    def broken(_: Any) -> None:
        raise TransientTestError("disk full\nsecond line")

    outcome = run_orchestrator(careful, activities={"broken": broken})
    assert outcome.output == ["TransientTestError", "disk full", [True, True], True]


def test_an_exception_without_a_message_is_a_failure_all_the_same() -> None:
    def run(ctx: Any, _: Any) -> Steps:
        yield ctx.call_activity("broken")

    def broken(_: Any) -> None:
        raise TransientTestError

    outcome = run_orchestrator(run, activities={"broken": broken})
    assert outcome.status is OrchestrationStatus.FAILED


def test_retries_wait_with_back_off_in_virtual_time() -> None:
    policy = RetryPolicy(
        first_retry_interval=timedelta(minutes=1), max_number_of_attempts=3, backoff_coefficient=2
    )

    def persistent(ctx: Any, _: Any) -> Steps:
        return (yield ctx.call_activity("flaky", retry_policy=policy))

    failures = iter([TransientTestError("1"), TransientTestError("2")])

    def flaky(_: Any) -> str:
        for failure in failures:
            raise failure
        return "done"

    outcome = run_orchestrator(persistent, activities={"flaky": flaky})
    assert outcome.output == "done"
    assert [call.after for call in outcome.calls] == [timedelta(minutes=n) for n in (0, 1, 3)]


def test_current_time_is_the_virtual_time() -> None:
    def clocked(ctx: Any, _: Any) -> Steps:
        started = ctx.current_utc_datetime
        yield ctx.create_timer(timedelta(hours=7))
        return (ctx.current_utc_datetime - started).total_seconds()

    assert run_orchestrator(clocked).output == 7 * 3600


def test_fan_out_runs_every_branch() -> None:
    def fan_out(ctx: Any, n: int) -> Steps:
        return sum((yield when_all([ctx.call_activity("double", input=i) for i in range(n)])))

    assert run_orchestrator(fan_out, 10, {"double": lambda x: 2 * x}).output == 90


def test_continue_as_new_keeps_buffered_events_on_request() -> None:
    def collect(ctx: Any, seen: list[str] | None) -> Steps:
        seen = [*(seen or []), (yield ctx.wait_for_external_event("item"))]
        if len(seen) == 3:
            return seen
        ctx.continue_as_new(seen, save_events=True)

    events = [Event("item", name) for name in "abc"]
    outcome = run_orchestrator(collect, events=events)
    assert outcome.output == ["a", "b", "c"]


def test_a_timer_of_an_earlier_generation_does_not_end_one_of_the_next() -> None:
    def generations(ctx: Any, first: bool) -> Steps:
        started = ctx.current_utc_datetime
        woken = ctx.wait_for_external_event("wake")
        timer = ctx.create_timer(timedelta(hours=1) if first else timedelta(hours=5))
        winner = yield when_any([timer, woken])
        if winner is woken:
            ctx.continue_as_new(False)
            return None
        return (ctx.current_utc_datetime - started).total_seconds() / 3600

    event = Event("wake", after=timedelta(minutes=10))
    assert run_orchestrator(generations, True, events=[event]).output == 5


def child(ctx: Any, given: str) -> Steps:
    if given == "fail":
        yield ctx.call_activity("broken")
    yield ctx.create_timer(timedelta(hours=2))
    return f"{given} of {ctx.parent_instance_id}"


def test_a_sub_orchestration_of_hours_reports_to_its_parent() -> None:
    def parent(ctx: Any, _: Any) -> Steps:
        return (yield ctx.call_sub_orchestrator("child", input="child"))

    outcome = run_orchestrator(parent, orchestrators={"child": child}, instance_id="parent-1")
    assert outcome.output == "child of parent-1"


def test_the_failure_of_a_sub_orchestration_keeps_its_type() -> None:
    def parent(ctx: Any, _: Any) -> Steps:
        try:
            yield ctx.call_sub_orchestrator("child", input="fail")
        except TaskFailedError as error:
            return [error.details.error_type, error.details.message]

    def broken(_: Any) -> None:
        raise TransientTestError("no disk")

    outcome = run_orchestrator(parent, activities={"broken": broken}, orchestrators={"child": child})
    assert outcome.output[0].endswith("TaskFailedError")
    assert "no disk" in outcome.output[1]


def test_a_terminated_run_is_terminated() -> None:
    rehearsal = Rehearsal(orchestrators=[wait_for_approval])
    id_ = rehearsal.start(wait_for_approval)
    rehearsal.terminate(id_, "stop", after=timedelta(hours=1))
    rehearsal.run()
    outcome = rehearsal.outcome(id_)
    assert (outcome.status, outcome.output) == (OrchestrationStatus.TERMINATED, "stop")


def test_an_activity_may_raise_an_event_on_the_run() -> None:
    def run(ctx: Any, _: Any) -> Steps:
        yield ctx.call_activity("start_training")
        return (yield ctx.wait_for_external_event("model_ready"))

    rehearsal = Rehearsal(
        {"start_training": lambda _: rehearsal.raise_event("run-1", "model_ready", "MLmodel")}, [run]
    )
    rehearsal.start(run, instance_id="run-1")
    rehearsal.run()
    assert rehearsal.outcome("run-1").output == "MLmodel"


def test_the_operations_of_others_wait_for_an_entity_lock() -> None:
    journal = EntityInstanceId("journal", "one")

    def record(ctx: Any, entry: str) -> list[str]:
        entries = [*(ctx.get_state(list) or []), entry]
        ctx.set_state(entries)
        return entries

    def holder(ctx: Any, _: Any) -> Steps:
        with (yield ctx.lock_entities([journal])):
            yield ctx.call_entity(journal, "record", input="holder begins")
            yield ctx.create_timer(timedelta(hours=1))
            return (yield ctx.call_entity(journal, "record", input="holder ends"))

    def other(ctx: Any, _: Any) -> Steps:
        yield ctx.create_timer(timedelta(minutes=1))
        return (yield ctx.call_entity(journal, "record", input="other"))

    rehearsal = Rehearsal(orchestrators=[holder, other], entities={"journal": record})
    rehearsal.start(holder, instance_id="holder")
    rehearsal.start(other, instance_id="other")
    rehearsal.run()
    assert rehearsal.outcome("holder").output == ["holder begins", "holder ends"]
    assert rehearsal.outcome("other").output == ["holder begins", "holder ends", "other"]


def test_what_the_test_did_not_give_is_said_by_name() -> None:
    with pytest.raises(LookupError, match=r"activity 'double' was called.*given: triple"):
        run_orchestrator(chain, 1, {"triple": lambda x: 3 * x})


def test_code_that_is_not_deterministic_fails_in_rehearsal() -> None:
    names = iter(["a", "b", "c"])

    def fickle(ctx: Any, _: Any) -> Steps:
        yield ctx.call_activity(next(names))
        yield ctx.call_activity("d")

    outcome = run_orchestrator(fickle, activities=dict.fromkeys("abcd", lambda _: None))
    assert outcome.status is OrchestrationStatus.FAILED
    assert outcome.failure is not None
    assert "NonDeterminism" in outcome.failure.error_type


def test_a_recorded_history_replays_to_the_same_end() -> None:
    record = run_orchestrator(chain, 3, {"double": lambda x: 2 * x}).record()
    again = replay(chain, record)
    assert (again.status, again.output) == (OrchestrationStatus.COMPLETED, 12)


def test_the_history_of_a_run_under_way_replays_to_the_same_decision() -> None:
    history = run_orchestrator(wait_for_approval, limit=timedelta(hours=1)).history
    again = replay(wait_for_approval, history)
    assert (again.status, again.actions) == (OrchestrationStatus.RUNNING, ["createTimer"])


def test_a_history_does_not_replay_through_an_orchestrator_that_has_changed() -> None:
    def changed(ctx: Any, given: int) -> Steps:
        yield ctx.call_activity("check", input=given)
        return (yield ctx.call_activity("double", input=given))

    again = replay(changed, run_orchestrator(chain, 3, {"double": lambda x: 2 * x}).record())
    assert again.status is OrchestrationStatus.FAILED
    assert again.failure is not None
    assert "NonDeterminism" in again.failure.error_type


def test_history_events_carry_virtual_times() -> None:
    history = run_orchestrator(wait_for_approval).history
    times = [event.timestamp.ToDatetime() for event in history]
    assert times == sorted(times)
    assert times[0] == datetime(2026, 1, 1)  # noqa: DTZ001 - protobuf's times are naive UTC
