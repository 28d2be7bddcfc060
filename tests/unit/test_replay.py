"""Recorded histories are replayed: the orchestrator still decides, turn by turn, what it decided then.

If one of these tests fails, an update would break runs in progress. See tests.unit.scenarios.
"""

import json
from collections.abc import Iterator
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
import pytest
from durabletask.client import OrchestrationStatus
from google.protobuf import json_format  # type: ignore[import-untyped]
from localcloud.functions.testing import DECISIONS, replay

from orchestrators.training_run import training_run
from runs.contracts import Json
from tests.unit.scenarios import HISTORIES, SCENARIOS

SCHEDULED = {
    "taskScheduled": "scheduleTask",
    "timerCreated": "createTimer",
    "executionCompleted": "completeOrchestration",
}
"""The name of a decision in a history, and among an orchestrator's actions."""


def history(name: str) -> list[pb.HistoryEvent]:
    events: list[Json] = json.loads((HISTORIES / f"{name}.json").read_text())
    return [json_format.ParseDict(event, pb.HistoryEvent()) for event in events]


def turns(events: list[pb.HistoryEvent]) -> Iterator[tuple[list[pb.HistoryEvent], list[str]]]:
    """For each turn of the orchestrator: the history up to its end, and the decisions in it."""
    starts = [i for i, event in enumerate(events) if event.HasField("orchestratorStarted")]
    for start, end in zip(starts, [*starts[1:], len(events)], strict=True):
        kinds = [str(event.WhichOneof("eventType")) for event in events[start:end]]
        yield events[:end], [SCHEDULED[kind] for kind in kinds if kind in SCHEDULED]


def test_every_scenario_has_a_history() -> None:
    assert {file.stem for file in HISTORIES.glob("*.json")} == SCENARIOS.keys()


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_turn_of_a_recorded_history_is_decided_as_it_was(name: str) -> None:
    events = history(name)
    decided = list(turns(events))
    assert len(decided) > 1
    for past, actions in decided:
        again = replay(training_run, past)
        broke = again.failure is not None and not again.failure.error_type.endswith("RunFailedError")
        assert not broke, again.failure
        assert sorted(again.actions) == sorted(actions), f"after {len(past)} events"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_recorded_run_ends_with_the_same_result(name: str) -> None:
    events = history(name)
    ends = [event.executionCompleted for event in events if event.HasField("executionCompleted")]
    again = replay(training_run, events)
    if not ends:
        assert again.status is OrchestrationStatus.RUNNING
        return
    (end,) = ends
    assert again.status == OrchestrationStatus(end.orchestrationStatus)
    ended = json.loads(end.result.value) if end.result.value else None
    assert again.output == ended
    if again.failure is not None:
        assert again.failure.message == end.failureDetails.errorMessage


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_still_goes_as_it_was_recorded(name: str) -> None:
    """An update does not need this, but the histories should show what runs do today."""
    kinds = [event.WhichOneof("eventType") for event in history(name)]
    assert [event.WhichOneof("eventType") for event in SCENARIOS[name]().history] == kinds


def test_an_orchestrator_with_its_steps_in_another_order_would_be_caught() -> None:
    def other(ctx: Any, given: Json) -> Any:
        yield ctx.call_activity("start_training", input=given["request"])
        yield ctx.call_activity("inspect_dataset", input=given["request"])

    again = replay(other, history("succeeded"))
    assert again.failure is not None
    assert again.failure.error_type.endswith("NonDeterminismError")


def test_decisions_that_these_histories_do_not_hold_would_be_noticed() -> None:
    kinds = {event.WhichOneof("eventType") for name in SCENARIOS for event in history(name)}
    assert kinds & set(DECISIONS) <= {*SCHEDULED, "orchestratorCompleted"}
