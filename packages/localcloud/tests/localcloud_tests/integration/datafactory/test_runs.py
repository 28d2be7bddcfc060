"""Pipeline runs: order and conditions, retry, timeout, cancel, queueing, queries, and a restart."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.datafactory.models import RunQueryFilter, RunQueryOrderBy

from localcloud_tests.integration.datafactory.conftest import (
    Factory,
    Stack,
    after,
    custom,
    python,
    wait_until,
    window,
)

pytestmark = pytest.mark.integration

FAMILY = """
import os, signal, subprocess, sys, time
nap = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {nap!r}], start_new_session=True)"
subprocess.run([sys.executable, "-c", orphan])
child = subprocess.Popen([sys.executable, "-c", nap])
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""
"""A parent, a child that ignores SIGTERM, and a grandchild without parent in a session of its own."""


def family_of(task: str) -> set[int]:
    """The processes whose environment names the task."""
    found = set()
    for process in psutil.process_iter():
        try:
            if process.environ().get("AZ_BATCH_TASK_ID") == task:
                found.add(process.pid)
        except psutil.Error:
            continue
    return found


def start_family(factory: Factory, tmp_path: Path, name: str, **policy: Any) -> tuple[str, str]:
    """Start a run and wait until its three processes run; return its id and its task's."""
    ready = tmp_path / name
    folder = factory.upload(name, family__py=FAMILY)
    command = f"{sys.executable} family.py {ready}"
    factory.publish(name, custom("Nap", command, folder=folder, policy=policy))
    run_id = factory.start(name)
    wait_until(ready.exists)
    [task] = factory.tasks()
    assert len(family_of(task["id"])) == 3
    return run_id, task["id"]


def test_cancelling_ends_the_whole_process_tree_before_the_run_says_cancelled(
    factory: Factory, tmp_path: Path
) -> None:
    run_id, task = start_family(factory, tmp_path, "cancelled")
    factory.client.pipeline_runs.cancel(*factory.scope, run_id, is_recursive=True)
    assert factory.run(run_id).status in ("Canceling", "Cancelled")
    assert factory.ended(run_id).status == "Cancelled"
    assert family_of(task) == set()
    [activity] = factory.activities(run_id)
    assert activity.status == "Cancelled"
    assert factory.tasks() == []
    factory.client.pipeline_runs.cancel(*factory.scope, run_id)
    assert factory.run(run_id).status == "Cancelled"


def test_a_timeout_ends_the_whole_process_tree_and_fails_the_run(factory: Factory, tmp_path: Path) -> None:
    run_id, task = start_family(factory, tmp_path, "late", timeout="00:00:10")
    run = factory.ended(run_id)
    assert run.status == "Failed"
    assert "timeout" in str(run.message)
    assert family_of(task) == set()
    [activity] = factory.activities(run_id)
    assert activity.status == "TimedOut"


def test_a_task_that_ends_leaves_no_child_behind(factory: Factory) -> None:
    child = "import time; time.sleep(600)"
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)"
    )
    factory.publish("untidy", custom("Untidy", python(code)))
    run_id = factory.start("untidy")
    assert factory.ended(run_id).status == "Succeeded"
    [activity] = factory.activities(run_id)
    assert family_of(activity.output["outputs"][0].split("/")[-3]) == set()


def test_a_retry_is_a_second_task_with_its_own_folder(factory: Factory, tmp_path: Path) -> None:
    marker = tmp_path / "tried"
    code = (
        f"import os, sys; known = os.path.exists({str(marker)!r});"
        f" open({str(marker)!r}, 'w').close(); sys.exit(0 if known else 7)"
    )
    factory.publish(
        "again", custom("Again", python(code), policy={"retry": 2, "retryIntervalInSeconds": 86400})
    )
    run_id = factory.start("again")
    wait_until(lambda: [each.status for each in factory.activities(run_id)] == ["Failed"])
    factory.control("POST", "datafactory/retries")
    assert factory.ended(run_id).status == "Succeeded"
    first, second = factory.activities(run_id)
    assert (first.status, first.output["exitcode"]) == ("Failed", 7)
    assert (second.status, second.output["exitcode"]) == ("Succeeded", 0)
    assert first.activity_run_id != second.activity_run_id
    assert first.output["outputs"][0] != second.output["outputs"][0]


def test_dependencies_decide_which_activities_run(factory: Factory) -> None:
    fails = python("import sys; sys.exit(1)")
    gives = python("import json; json.dump({'rows': 150}, open('outputs.json', 'w'))")
    text = "@{activity('Gives').output.customOutput.rows} rows, exit @{activity('Gives').output.exitcode}"
    factory.publish(
        "branches",
        custom("Gives", gives),
        custom(
            "Reads",
            "true",
            dependsOn=after("Gives", "Succeeded"),
            type_properties={"extendedProperties": {"text": text}},
        ),
        custom("Fails", fails, dependsOn=after("Gives", "Completed")),
        custom("Unreached", "true", dependsOn=after("Fails", "Succeeded")),
        custom("Rescue", "true", dependsOn=after("Fails", "Failed")),
        custom("BecauseSkipped", "true", dependsOn=after("Unreached", "Skipped")),
    )
    run_id = factory.start("branches")
    run = factory.ended(run_id)
    activities = {each.activity_name: each for each in factory.activities(run_id)}
    assert {name: each.status for name, each in activities.items()} == {
        "Gives": "Succeeded",
        "Reads": "Succeeded",
        "Fails": "Failed",
        "Unreached": "Skipped",
        "Rescue": "Succeeded",
        "BecauseSkipped": "Succeeded",
    }
    assert activities["Reads"].input["extendedProperties"]["text"] == "150 rows, exit 0"
    assert run.status == "Succeeded", "every branch ended well: the failure was handled"


def test_tasks_wait_for_a_free_slot(factory: Factory, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    factory.publish("slots", custom("Wait", waits_for(gate)))
    runs = [factory.start("slots") for _ in range(3)]
    wait_until(lambda: len(factory.tasks("running")) == 2 and len(factory.tasks("active")) == 1)
    gate.touch()
    assert [factory.ended(run).status for run in runs] == ["Succeeded"] * 3


def test_concurrency_queues_further_runs_and_a_queued_run_can_be_cancelled(
    factory: Factory, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    factory.publish("one-at-a-time", custom("Wait", waits_for(gate)), concurrency=1)
    first, second, third = (factory.start("one-at-a-time") for _ in range(3))
    wait_until(lambda: len(factory.tasks()) == 1)
    assert [factory.run(run).status for run in (first, second, third)] == ["InProgress", "Queued", "Queued"]
    factory.client.pipeline_runs.cancel(*factory.scope, second)
    assert factory.run(second).status == "Cancelled"
    assert factory.activities(second) == []
    gate.touch()
    assert [factory.ended(run).status for run in (first, third)] == ["Succeeded", "Succeeded"]


def test_a_lost_node_runs_the_task_again_from_the_beginning(factory: Factory, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    factory.control("POST", "faults", json={"point": "batch.node", "action": "drop"})
    factory.publish("preempted", custom("Wait", waits_for(gate)))
    run_id = factory.start("preempted")
    wait_until(lambda: any(task["executionInfo"]["requeueCount"] == 1 for task in factory.tasks()))
    gate.touch()
    assert factory.ended(run_id).status == "Succeeded"
    assert len(factory.activities(run_id)) == 1


def test_a_task_that_batch_cannot_start_fails_the_activity(factory: Factory) -> None:
    fault = {"point": "batch.task", "action": "error", "code": "NodeUnusable", "message": "The node is gone."}
    factory.control("POST", "faults", json=fault)
    factory.publish("unusable", custom("Any", "true"))
    run_id = factory.start("unusable")
    assert "The node is gone." in str(factory.ended(run_id).message)
    [activity] = factory.activities(run_id)
    assert (activity.error["errorCode"], activity.error["failureType"]) == ("2500", "SystemError")


def test_runs_are_found_by_pipeline_status_and_time(factory: Factory) -> None:
    factory.publish("found", custom("Ok", "true"))
    factory.publish("found-not", custom("Bad", "false"))
    good = [factory.start("found"), factory.start("found")]
    bad = factory.start("found-not")
    for run in [*good, bad]:
        factory.ended(run)

    def find(*filters: RunQueryFilter, **fields: Any) -> list[str]:
        answer = factory.client.pipeline_runs.query_by_factory(*factory.scope, window(*filters, **fields))
        assert answer.continuation_token is None
        return [str(run.run_id) for run in answer.value]

    def where(operand: str, operator: str, *values: str) -> RunQueryFilter:
        return RunQueryFilter(operand=operand, operator=operator, values_property=list(values))

    oldest_first = [RunQueryOrderBy(order_by="RunStart", order="ASC")]
    assert find(where("PipelineName", "Equals", "found"), order_by=oldest_first) == good
    both = where("PipelineName", "In", "found", "found-not")
    assert find(both, where("Status", "NotEquals", "Succeeded")) == [bad]
    assert set(find(both, where("LatestOnly", "Equals", "true"))) == {*good, bad}
    factory.control("POST", "faults", json={"point": "datafactory.query", "action": "drop", "seconds": 3600})
    assert find(both) == [], "a listing may lag behind"
    assert set(find(both)) == {*good, bad}


def test_a_run_can_take_the_parameters_of_an_earlier_one(factory: Factory) -> None:
    factory.publish("repeat", custom("Ok", "true"), parameters={"runKey": {"type": "String"}})
    first = factory.start("repeat", runKey="the first")
    factory.ended(first)
    again = factory.client.pipelines.create_run(
        *factory.scope, "repeat", reference_pipeline_run_id=first, is_recovery=True
    ).run_id
    run = factory.ended(str(again))
    assert run.parameters == {"runKey": "the first"}
    assert (run.run_group_id, run.is_latest) == (first, True)
    assert factory.run(first).is_latest is False
    with pytest.raises(HttpResponseError) as refused:
        factory.client.pipelines.create_run(
            *factory.scope,
            "repeat",
            reference_pipeline_run_id=first,
            is_recovery=True,
            start_from_failure=True,
        )
    assert refused.value.status_code == 501


def test_an_unknown_run_is_not_found(factory: Factory) -> None:
    nowhere = "00000000-0000-0000-0000-000000000000"
    calls: list[Callable[[], Any]] = [
        lambda: factory.run(nowhere),
        lambda: factory.client.pipeline_runs.cancel(*factory.scope, nowhere),
        lambda: factory.activities(nowhere),
    ]
    for call in calls:
        with pytest.raises(ResourceNotFoundError) as missing:
            call()
        assert missing.value.error is not None
        assert missing.value.error.code == "EntityNotFound"


@pytest.mark.parametrize("end", [Stack.stop, Stack.kill])
def test_a_restart_keeps_pipelines_and_history_and_fails_what_was_unfinished(
    factory: Factory, stack: Stack, tmp_path: Path, end: Callable[[Stack], None]
) -> None:
    factory.publish("kept", custom("Ok", "true"))
    done = factory.start("kept")
    factory.ended(done)
    unfinished, task = start_family(factory, tmp_path, "unfinished")
    end(stack)
    stack.start()
    assert family_of(task) == set()
    assert factory.run(done).status == "Succeeded"
    run = factory.run(unfinished)
    assert run.status == "Failed"
    assert "stopped" in str(run.message)
    [activity] = factory.activities(unfinished)
    assert activity.status == "Failed"
    assert factory.ended(factory.start("kept")).status == "Succeeded"


def waits_for(gate: Path) -> str:
    return python(f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)")
