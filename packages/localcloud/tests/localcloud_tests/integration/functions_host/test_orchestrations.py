"""Orchestrations, activities and entities, run by the host for an app's own code."""

from uuid import uuid4

import pytest

from localcloud_tests.integration.functions_host.hosts import RunningHost

pytestmark = pytest.mark.integration


def test_a_blocking_activity_stops_no_other_orchestration_and_not_the_host(
    host: RunningHost, new_id: str
) -> None:
    host.start("through_gate", new_id, new_id)
    host.wait_until_entered(new_id)
    quick = [host.start("double_twice", n) for n in range(20)]
    assert [host.output(id_) for id_ in quick] == [4 * n for n in range(20)]
    assert host.http.get("/admin/host/status").json() == {"state": "Running"}
    assert host.durable("state", new_id)["status"] == "RUNNING"
    host.release(new_id)
    assert host.output(new_id) == new_id


def test_a_hundred_runs_at_once_all_end(host: RunningHost) -> None:
    runs = [host.start("double_twice", n) for n in range(100)]
    assert [host.output(id_) for id_ in runs] == [4 * n for n in range(100)]


def test_a_custom_status_is_seen_while_the_run_goes_on(host: RunningHost, new_id: str) -> None:
    host.start("through_gate", new_id, new_id)
    host.wait_until_entered(new_id)
    assert host.durable("state", new_id)["custom_status"] == {"at": new_id}
    host.release(new_id)


def test_an_event_that_comes_before_the_wait_is_used(host: RunningHost, new_id: str) -> None:
    host.start("work_then_wait", new_id, new_id)
    host.wait_until_entered(new_id)
    host.durable("raise", new_id, event="approved", data={"by": "early bird"})
    host.release(new_id)
    assert host.output(new_id) == {"by": "early bird"}


def test_an_event_right_after_the_start_is_used(host: RunningHost, new_id: str) -> None:
    host.start("wait_for_approval", None, new_id)
    host.durable("raise", new_id, event="Approved", data="at once")
    assert host.output(new_id) == "at once"


def test_the_timer_wins_when_no_event_comes(host: RunningHost, new_id: str) -> None:
    host.start("wait_for_approval", 0.05, new_id)
    assert host.output(new_id) == "too late"


def test_retries_stop_when_an_attempt_succeeds(host: RunningHost, new_id: str) -> None:
    host.start("persistent", 2, new_id)
    assert host.output(new_id) == 3


def test_a_failure_reaches_the_orchestrator_as_in_azure(host: RunningHost, new_id: str) -> None:
    host.start("persistent", 3, new_id)
    assert host.output(new_id) == {
        "type": "ConnectionResetError",
        "message": "the line",
        "caused": True,
        "trace": True,
    }


def test_continue_as_new_keeps_the_events_that_wait(host: RunningHost, new_id: str) -> None:
    host.start("collect", None, new_id)
    for item in "abc":
        host.durable("raise", new_id, event="item", data=item)
    assert host.output(new_id) == ["a", "b", "c"]


def test_a_late_result_of_an_earlier_generation_is_dropped(host: RunningHost, new_id: str) -> None:
    host.start("generations", 1, new_id)
    host.wait_until_entered(f"{new_id}-1")
    host.durable("raise", new_id, event="again")
    host.wait_until_entered(f"{new_id}-2")
    host.release(f"{new_id}-1")
    host.wait_for_line(rf"Dropped a late activity result of instance '{new_id}'")
    assert host.durable("state", new_id)["status"] == "RUNNING"
    host.release(f"{new_id}-2")
    assert host.output(new_id) == f"{new_id}-2"


def test_a_sub_orchestration_knows_its_parent_and_answers_it(host: RunningHost, new_id: str) -> None:
    host.start("parent", new_id, new_id)
    host.wait_until_entered(new_id)
    assert host.durable("state", f"{new_id}-child")["status"] == "RUNNING"
    host.release(new_id)
    assert host.output(new_id) == {"passed": new_id, "parent": new_id}


def test_a_terminated_run_ends_though_its_activity_goes_on(host: RunningHost, new_id: str) -> None:
    host.start("through_gate", new_id, new_id)
    host.wait_until_entered(new_id)
    host.durable("terminate", new_id, output="enough")
    state = host.durable("wait", new_id)
    assert (state["status"], state["output"]) == ("TERMINATED", "enough")
    host.release(new_id)
    host.wait_for_line(r"Executed 'Functions\.gate' \(Succeeded")
    assert host.durable("state", new_id)["status"] == "TERMINATED"


def test_a_suspended_run_goes_on_when_it_is_resumed(host: RunningHost, new_id: str) -> None:
    host.start("wait_for_approval", None, new_id)
    host.durable("suspend", new_id)
    host.reaches(new_id, "Suspended")
    host.durable("raise", new_id, event="Approved", data="while suspended")
    assert host.durable("state", new_id)["status"] == "SUSPENDED"
    host.durable("resume", new_id)
    assert host.output(new_id) == "while suspended"


def test_a_failed_run_can_be_rewound(host: RunningHost, new_id: str) -> None:
    host.start("mending", new_id, new_id)
    assert host.durable("wait", new_id)["status"] == "FAILED"
    host.durable("rewind", new_id)
    assert host.output(new_id) == 2


def test_a_finished_run_can_be_restarted(host: RunningHost, new_id: str) -> None:
    host.start("double_twice", 5, new_id)
    host.output(new_id)
    assert host.durable("restart", new_id) == new_id
    assert host.output(new_id) == 20
    other = host.durable("restart", new_id, new=True)
    assert other != new_id
    assert host.output(other) == 20


def test_a_custom_status_that_is_too_big_fails_the_run(host: RunningHost, new_id: str) -> None:
    host.start("talkative", None, new_id)
    state = host.durable("wait", new_id)
    assert state["status"] == "FAILED"
    words = "CustomStatus is too large: limit = 16 KB (UTF-16), actual = 16.00 KB."
    assert state["failure"]["message"] == words


def test_calling_an_activity_that_does_not_exist_fails_the_run_and_names_those_that_do(
    host: RunningHost, new_id: str
) -> None:
    host.start("calls_unknown", None, new_id)
    state = host.durable("wait", new_id)
    assert state["status"] == "FAILED"
    assert "'no_such_activity' doesn't exist" in state["failure"]["message"]
    assert "'double'" in state["failure"]["message"]


def test_a_result_of_megabytes_passes_between_activity_and_orchestrator(
    host: RunningHost, new_id: str
) -> None:
    host.start("large", 6_000_000, new_id)
    assert host.output(new_id) == 6_000_000


def test_the_history_can_be_read(host: RunningHost, new_id: str) -> None:
    host.start("double_twice", 1, new_id)
    host.output(new_id)
    kinds = host.durable("history", new_id)
    assert kinds.count("TaskCompletedEvent") == 2
    assert kinds[-1] == "ExecutionCompletedEvent"


def test_an_entity_keeps_its_state_between_operations(host: RunningHost) -> None:
    key = uuid4().hex
    host.durable("signal", key, entry="signalled")
    assert host.output(host.start("write_once", {"key": key, "name": "called"})) == ["signalled", "called"]
    assert host.durable("entity", key) == ["signalled", "called"]


def test_a_locked_entity_serves_only_the_holder_until_it_is_released(host: RunningHost) -> None:
    key = uuid4().hex
    holder = host.start("write_twice", {"key": key, "name": "holder", "gate": key})
    host.wait_until_entered(key)
    contender = host.start("write_twice", {"key": key, "name": "contender"})
    passer_by = host.start("write_once", {"key": key, "name": "passer-by"})
    quick = host.start("double_twice", 1)
    host.output(quick)
    assert host.durable("entity", key) == ["holder begins"]
    host.release(key)
    assert host.output(holder) == ["holder begins", "holder ends"]
    for run in (contender, passer_by):
        host.output(run)
    entries = host.durable("entity", key)
    assert entries.index("contender ends") == entries.index("contender begins") + 1
    assert sorted(entries) == [
        "contender begins",
        "contender ends",
        "holder begins",
        "holder ends",
        "passer-by",
    ]


def test_an_activity_over_the_function_timeout_fails_with_a_timeout(
    other_host: RunningHost, new_id: str
) -> None:
    other_host.start("through_gate", new_id, new_id)
    state = other_host.ended(new_id)
    assert state["runtimeStatus"] == "Failed"
    assert "Timeout value of 00:00:01 was exceeded by function: Functions.gate" in state["output"]
    other_host.release(new_id)


def test_activities_wait_for_their_turn_at_the_concurrency_limit(
    other_host: RunningHost, new_id: str
) -> None:
    other_host.start("through_gate", f"{new_id}-1", f"{new_id}-1")
    other_host.wait_until_entered(f"{new_id}-1")
    second = other_host.start("double_twice", 1)
    executing = [line for line in other_host.lines if "Executing 'Functions.double'" in line]
    assert other_host.durable("state", second)["status"] in {"PENDING", "RUNNING"}
    other_host.release(f"{new_id}-1")
    assert other_host.output(second) == 4
    assert (
        len([line for line in other_host.lines if "Executing 'Functions.double'" in line])
        == len(executing) + 2
    )
